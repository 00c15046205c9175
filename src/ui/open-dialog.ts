/** Whether the page is behind a dialog. */

/** Whether a dialog is open: what is pressed, pasted or dropped then is not meant for the page. */
export function isDialogOpen(): boolean {
  return document.querySelector('dialog[open]') !== null;
}
