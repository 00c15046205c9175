/** SVG: text whose first element is `svg`. */

/** Bytes of a file that are searched for the `svg` element: enough for a licence comment or a long DOCTYPE. */
export const SVG_LOOK_BYTES = 8192;

/** Whether a file that starts with `text` is XML (after white space) whose first element is `svg`. */
export function looksLikeSvg(text: string): boolean {
  const begin = text.trimStart();
  if (!begin.startsWith('<')) return false;
  const markup = begin.replace(/<!--[\s\S]*?-->/g, '').replace(/<\?[\s\S]*?\?>/g, '');
  return /^\s*(?:<!DOCTYPE\s+svg[^[>]*(?:\[[\s\S]*?\]\s*)?>\s*)?<(?:\w+:)?svg[\s>/]/i.test(markup);
}
