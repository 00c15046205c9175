/** Whether the page is behind a dialog. */

/** Whether a dialog is open: key presses, pastes and drops are then not meant for the page. */
export function isDialogOpen(): boolean {
  return document.querySelector('dialog[open]') !== null;
}
