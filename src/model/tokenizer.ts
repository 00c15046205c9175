/**
 * Text to token ids and back, with transformers.js' tokenizer. User input is encoded so that no special token in
 * it takes effect: `<|im_end|>` typed into a question stays eleven characters of text.
 */
import { PreTrainedTokenizer } from '@huggingface/transformers';
import { NamedError } from '../shared/errors.ts';
import { isObject, type JsonObject } from '../shared/json.ts';
import { withPinnedNfc } from './pinned-nfc.ts';

/** A piece of text, and whether its special tokens take effect. */
export interface TextPiece {
  readonly text: string;
  readonly trusted: boolean;
}

/** A tokenizer, as a tokenizer.json describes it. */
export class Tokenizer {
  readonly #tokenizer: PreTrainedTokenizer;
  readonly #addedTokens: RegExp | null;
  readonly #specialIds: ReadonlySet<number>;
  /** The ids of a character outside the vocabulary; transformers.js leaves holes where tokenizer.json names a token. */
  readonly #unknown: readonly number[];

  /** Takes the parsed tokenizer.json and tokenizer_config.json. Throws ModelFolderError when no tokenizer can be made of them. */
  constructor(tokenizerJson: unknown, tokenizerConfig: unknown) {
    if (!isObject(tokenizerJson) || !isObject(tokenizerConfig)) throw unusable(undefined);
    try {
      this.#tokenizer = new PreTrainedTokenizer(withPinnedNfc(tokenizerJson), tokenizerConfig);
    } catch (cause) {
      throw unusable(cause);
    }
    this.#unknown = unknownIds(tokenizerJson['model']);
    const added = Array.isArray(tokenizerJson['added_tokens']) ? tokenizerJson['added_tokens'].filter(isObject) : [];
    this.#addedTokens = addedTokensPattern(added);
    this.#specialIds = new Set(
      added.flatMap(({ id, special }) => (special === true && typeof id === 'number' ? [id] : [])),
    );
  }

  /** Ids of text whose special tokens take effect. */
  encode(text: string): number[] {
    if (text === '') return [];
    const ids: readonly (number | undefined)[] = this.#tokenizer.encode(text, { add_special_tokens: false });
    return ids.flatMap((id) => id ?? this.#unknown);
  }

  /**
   * Ids of text made of trusted and untrusted pieces, tokenised as one string. A special token which an untrusted piece
   * holds or completes is split after its first character, so that it is read as ordinary text.
   */
  encodePieces(pieces: readonly TextPiece[]): number[] {
    const whole = pieces.map((piece) => piece.text).join('');
    const bounds = [0, ...this.#cuts(whole, untrustedRanges(pieces)), whole.length];
    return bounds.slice(1).flatMap((end, i) => this.encode(whole.slice(bounds[i], end)));
  }

  /** Where to split `whole`: after the first character of every added token that overlaps a range. */
  #cuts(whole: string, untrusted: readonly (readonly [from: number, to: number])[]): number[] {
    const cuts: number[] = [];
    const pattern = this.#addedTokens;
    if (pattern === null) return cuts;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(whole); match !== null; match = pattern.exec(whole)) {
      const { index } = match;
      const end = index + match[0].length;
      if (!untrusted.some(([from, to]) => index < to && end > from)) continue;
      cuts.push(index + 1);
      pattern.lastIndex = index + 1; // a token that begins inside this one
    }
    return cuts;
  }

  /** The text of ids, special tokens kept. */
  decode(ids: readonly number[]): string {
    if (ids.length === 0) return '';
    return this.#tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  }

  /** The text of ids without special tokens (as transformers' skip_special_tokens; `<tool_call>` is not special). */
  plainText(ids: readonly number[]): string {
    return this.decode(ids.filter((id) => !this.#specialIds.has(id)));
  }

  /** The id of one token. Throws ModelFolderError when the vocabulary lacks it. */
  id(token: string): number {
    const ids = this.encode(token);
    const [id] = ids;
    if (ids.length !== 1 || id === undefined) {
      throw new NamedError(
        'ModelFolderError',
        `The tokenizer does not know ${token} as one token. Use the tokenizer of the checkpoint.`,
      );
    }
    return id;
  }
}

function untrustedRanges(pieces: readonly TextPiece[]): [number, number][] {
  const ranges: [number, number][] = [];
  let at = 0;
  for (const { text, trusted } of pieces) {
    if (!trusted && text !== '') ranges.push([at, at + text.length]);
    at += text.length;
  }
  return ranges;
}

/** Matches any added token, longest first. */
function addedTokensPattern(addedTokens: readonly JsonObject[]): RegExp | null {
  const contents = addedTokens.flatMap(({ content }) =>
    typeof content === 'string' && content !== '' ? [content] : [],
  );
  if (contents.length === 0) return null;
  const escaped = contents
    .toSorted((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(escaped.join('|'), 'g');
}

function unknownIds(model: unknown): readonly number[] {
  if (!isObject(model) || !isObject(model['vocab']) || typeof model['unk_token'] !== 'string') return [];
  const id = model['vocab'][model['unk_token']];
  return typeof id === 'number' ? [id] : [];
}

function unusable(cause: unknown): NamedError {
  return new NamedError(
    'ModelFolderError',
    'tokenizer.json cannot be used: it describes no tokenizer. Convert the checkpoint again, with its own tokenizer.json.',
    { cause },
  );
}
