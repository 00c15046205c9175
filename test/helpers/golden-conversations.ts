/** Conversations of several images and turns, and what transformers answers (test/golden/README.md). */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PixelRegion } from '../../src/shared/image-request.ts';

const FILE = new URL('../golden/conversations.json', import.meta.url);

/** A piece of a message: text, the model's own text, or an image. */
export type GoldenContent =
  | string
  | { readonly said: string }
  | {
      readonly image: string;
      readonly scale: number;
      /** Left, top, width, height. */
      readonly region: readonly [number, number, number, number] | null;
    };

/** A conversation and its answer. */
export interface GoldenConversation {
  readonly checkpoint: string;
  readonly case: string;
  readonly messages: readonly {
    readonly role: 'system' | 'user' | 'assistant' | 'tool';
    readonly content: readonly GoldenContent[];
  }[];
  readonly ids: readonly number[];
  readonly next_position: number;
  readonly greedy_ids: readonly number[];
}

/** All of them. */
export const GOLDEN_CONVERSATIONS = (
  JSON.parse(readFileSync(FILE, 'utf8')) as { readonly cases: readonly GoldenConversation[] }
).cases;

/** Path of an image of theirs. */
export function goldenImage(image: string): string {
  return fileURLToPath(new URL(`../golden/tiny/${image}`, import.meta.url));
}

/** A golden region as an image request has it. */
export function regionOf([left, top, width, height]: readonly [number, number, number, number]): PixelRegion {
  return { left, top, width, height };
}
