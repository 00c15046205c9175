/** SVG: text whose first element is `svg`. */
import type { Bytes } from './bytes.ts';

/** How far into the file the `svg` element is looked for: past a licence comment or a long DOCTYPE. */
const LOOK_AT_BYTES = 8192;

/** Whether the file starts as XML does (after white space) and its first element is `svg`. */
export function looksLikeSvg(bytes: Bytes): boolean {
  const text = bytes.text(0, LOOK_AT_BYTES).trimStart();
  if (!text.startsWith('<')) return false;
  const markup = text.replace(/<!--[\s\S]*?-->/g, '').replace(/<\?[\s\S]*?\?>/g, '');
  return /^\s*(?:<!DOCTYPE\s+svg[^[>]*(?:\[[\s\S]*?\]\s*)?>\s*)?<(?:\w+:)?svg[\s>/]/i.test(markup);
}
