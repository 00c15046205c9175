/**
 * Boxes and points in a model's answer, in every format that Qwen's models are taught, and where they lie in the original picture.
 * Source: QwenLM/Qwen2.5-VL cookbooks/spatial_understanding.ipynb (JSON and points), Qwen2-VL's tokens for boxes and references.
 */
import type { PixelSize } from '../image/smart-resize.ts';
import type { SourceRectangle } from '../image/view-steps.ts';
import type { MarkUnit } from '../model/chat-format.ts';
import type { AnswerMark } from '../protocol/turn.ts';
import { itemsOf, type Literal, numberOf, readLenient, valueAt } from './tools/literal.ts';

/** A box or point as it is written. */
export interface WrittenMark {
  /** Where it begins in the text. */
  readonly at: number;
  /** x and y of a point, or of a box's two corners. */
  readonly numbers: readonly number[];
  readonly label: string | null;
}

/** Keys of JSON objects whose values are boxes or points. */
const KEYS = ['bbox_2d', 'box_2d', 'bbox', 'point_2d', 'point'];

/** Pairs of tags around `(x1,y1),(x2,y2)`, with those around the name that may stand before. */
const TAGGED = [
  { open: '<|box_start|>', close: '<|box_end|>', name: ['<|object_ref_start|>', '<|object_ref_end|>'] },
  { open: '<box>', close: '</box>', name: ['<ref>', '</ref>'] },
] as const;

const NUMBER = /[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?/gi;

/** Longest text between tags that is read: a box has far fewer characters. */
const MAX_TAGGED = 200;

/** Longest tag of points that is read. */
const MAX_POINTS = 5000;

/** An answer that is nothing but numbers in brackets. */
const BARE = /^[[(]{1,2}[-+\d.\se]+(?:,[-+\d.\se()]+){1,3}[\])]{1,2}$/i;

/** Every box and point in a text, in its order. Takes linear time and never throws. */
export function findMarks(text: string): readonly WrittenMark[] {
  const marks = [...jsonMarks(text), ...TAGGED.flatMap((tags) => taggedMarks(text, tags)), ...pointMarks(text)];
  if (marks.length > 0) return marks.toSorted((a, b) => a.at - b.at);
  const trimmed = text.trim();
  return trimmed.length <= MAX_TAGGED && BARE.test(trimmed) ? markOf(0, numbersIn(trimmed), null) : [];
}

/** What a mark's numbers count in, and the view they count it in. */
export interface MarkedView {
  readonly image: number;
  /** Size the model saw, in pixels. */
  readonly seen: PixelSize;
  /** What the view shows of its source. */
  readonly shown: SourceRectangle;
  readonly unit: MarkUnit;
}

/** A mark in pixels of the view's source, parts of pixels included. A box's corners are put in order. */
export function placeMark({ numbers, label }: WrittenMark, { image, seen, shown, unit }: MarkedView): AnswerMark {
  const sides = unit === 'pixels' ? seen : { width: 1000, height: 1000 };
  const x = (written: number): number => shown.left + (written / sides.width) * shown.width;
  const y = (written: number): number => shown.top + (written / sides.height) * shown.height;
  const [x1 = 0, y1 = 0, x2, y2] = numbers;
  if (x2 === undefined || y2 === undefined) return { kind: 'point', image, point: [x(x1), y(y1)], label };
  const left = x(Math.min(x1, x2));
  const top = y(Math.min(y1, y2));
  return { kind: 'box', image, box: [left, top, x(Math.max(x1, x2)), y(Math.max(y1, y2))], label };
}

/** Objects without objects in them, inside code fences or not, even of a list that was cut off. */
function jsonMarks(text: string): readonly WrittenMark[] {
  const marks: WrittenMark[] = [];
  let open = -1;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === '{') open = at;
    if (sign !== '}' || open < 0) continue;
    marks.push(...objectMarks(open, text.slice(open, at + 1)));
    open = -1;
  }
  return marks;
}

function objectMarks(at: number, text: string): readonly WrittenMark[] {
  const reading = readLenient(text);
  if ('error' in reading) return [];
  const label = valueAt(reading.value, 'label') ?? valueAt(reading.value, 'text_content');
  const key = KEYS.find((known) => valueAt(reading.value, known) !== undefined);
  const value = key === undefined ? undefined : valueAt(reading.value, key);
  const lists = itemsOf(itemsOf(value)?.[0]) === null ? [value] : (itemsOf(value) ?? []);
  return lists.flatMap((list) => markOf(at, numbersOf(list), typeof label === 'string' ? label : null));
}

function numbersOf(value: Literal | undefined): readonly (number | null)[] {
  return itemsOf(value)?.map((item) => (typeof item === 'boolean' ? null : numberOf(item))) ?? [];
}

function taggedMarks(text: string, { open, close, name }: (typeof TAGGED)[number]): readonly WrittenMark[] {
  const marks: WrittenMark[] = [];
  for (let at = text.indexOf(open); at >= 0; at = text.indexOf(open, at + open.length)) {
    const inner = text.slice(at + open.length, at + open.length + MAX_TAGGED);
    const end = inner.indexOf(close);
    if (end >= 0)
      marks.push(
        ...markOf(at, numbersIn(inner.slice(0, end)), nameBefore(text.slice(Math.max(0, at - MAX_TAGGED), at), name)),
      );
  }
  return marks;
}

/** The text between these tags if the closing one stands at the end. */
function nameBefore(text: string, [open, close]: readonly [string, string]): string | null {
  const before = text.trimEnd();
  const start = before.lastIndexOf(open);
  return before.endsWith(close) && start >= 0 ? before.slice(start + open.length, -close.length) : null;
}

/** `<points x1="10" y1="20" x2="30" y2="40" alt="birds">birds</points>`, one mark a pair. */
function pointMarks(text: string): readonly WrittenMark[] {
  const marks: WrittenMark[] = [];
  for (let at = text.indexOf('<point'); at >= 0; at = text.indexOf('<point', at + 1)) {
    const end = text.indexOf('>', at);
    if (end < 0) break;
    if (end - at > MAX_POINTS) continue;
    const tag = text.slice(at, end);
    const label = /\salt="([^"]*)"/.exec(tag)?.[1] ?? null;
    const sides = [...tag.matchAll(/\s([xy])\d*="\s*([^"]*)"/g)].map(([, , value = '']) => Number(value));
    for (let i = 0; i + 1 < sides.length; i += 2) marks.push(...markOf(at, sides.slice(i, i + 2), label));
  }
  return marks;
}

function numbersIn(text: string): readonly number[] {
  return [...text.matchAll(NUMBER)].map(([number]) => Number(number));
}

/** The mark of two or four finite numbers; none of anything else. */
function markOf(at: number, numbers: readonly (number | null)[], label: string | null): readonly WrittenMark[] {
  const known = numbers.flatMap((number) => (number !== null && Number.isFinite(number) ? [number] : []));
  const isMark = known.length === numbers.length && (known.length === 2 || known.length === 4);
  return isMark ? [{ at, numbers: known, label }] : [];
}
