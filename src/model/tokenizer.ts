/**
 * Text to token ids and back, with transformers.js' tokenizer. What a person typed is encoded so that no special token in
 * it can become one: `<|im_end|>` typed into a question stays eleven characters of text.
 */
import { PreTrainedTokenizer } from '@huggingface/transformers';
import { NamedError } from '../shared/errors.ts';
import { isObject } from '../shared/json.ts';

/** ChatML, as every Qwen2.5-VL checkpoint uses it, with the assistant's turn opened at the end. */
const CHATML =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}" +
  "{{ '<|im_start|>assistant\n' }}";

/** One turn of a conversation. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** A piece of text, and whether special tokens in it are meant. */
export interface TextPiece {
  readonly text: string;
  readonly trusted: boolean;
}

/** A Qwen tokenizer. */
export class QwenTokenizer {
  readonly #tokenizer: PreTrainedTokenizer;
  readonly #addedTokens: RegExp | null;

  /** Takes the parsed tokenizer.json and tokenizer_config.json. Throws ModelFolderError when no tokenizer can be made of them. */
  constructor(tokenizerJson: unknown, tokenizerConfig: unknown) {
    if (!isObject(tokenizerJson) || !isObject(tokenizerConfig)) throw unusable(undefined);
    try {
      this.#tokenizer = new PreTrainedTokenizer(tokenizerJson, tokenizerConfig);
    } catch (cause) {
      throw unusable(cause);
    }
    this.#addedTokens = addedTokensPattern(tokenizerJson['added_tokens']);
  }

  /** Ids of text whose special tokens are meant. */
  encode(text: string): number[] {
    return text === '' ? [] : this.#tokenizer.encode(text, { add_special_tokens: false });
  }

  /**
   * Ids of text made of trusted and untrusted pieces, tokenised as one string. A special token which an untrusted piece
   * holds or completes is cut after its first character, so that it is read as ordinary text.
   */
  encodePieces(pieces: readonly TextPiece[]): number[] {
    const whole = pieces.map((piece) => piece.text).join('');
    const cuts: number[] = [];
    if (this.#addedTokens !== null) {
      const untrusted = untrustedRanges(pieces);
      for (const match of whole.matchAll(this.#addedTokens)) {
        const end = match.index + match[0].length;
        if (untrusted.some(([from, to]) => match.index < to && end > from)) cuts.push(match.index + 1);
      }
    }
    const bounds = [0, ...cuts, whole.length];
    return bounds.slice(1).flatMap((end, i) => this.encode(whole.slice(bounds[i], end)));
  }

  /** The text of ids, special tokens kept. */
  decode(ids: readonly number[]): string {
    if (ids.length === 0) return '';
    return this.#tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  }

  /** The conversation as ChatML, with the assistant's turn opened. */
  chat(messages: readonly ChatMessage[]): string {
    const rendered = this.#tokenizer.apply_chat_template([...messages], { tokenize: false, chat_template: CHATML });
    if (typeof rendered !== 'string') throw new Error('apply_chat_template returned no text');
    return rendered;
  }

  /** The id of one token. Throws ModelFolderError when the vocabulary lacks it. */
  id(token: string): number {
    const ids = this.encode(token);
    const [id] = ids;
    if (ids.length !== 1 || id === undefined) {
      throw new NamedError('ModelFolderError', `The tokenizer does not know ${token} as one token. Use the tokenizer of the checkpoint.`);
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
function addedTokensPattern(addedTokens: unknown): RegExp | null {
  if (!Array.isArray(addedTokens)) return null;
  const contents = addedTokens.flatMap((token: unknown) =>
    isObject(token) && typeof token['content'] === 'string' && token['content'] !== '' ? [token['content']] : [],
  );
  if (contents.length === 0) return null;
  const escaped = contents.toSorted((a, b) => b.length - a.length).map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(escaped.join('|'), 'g');
}

function unusable(cause: unknown): NamedError {
  return new NamedError(
    'ModelFolderError',
    'tokenizer.json cannot be used: it describes no tokenizer. Convert the checkpoint again, with its own tokenizer.json.',
    { cause },
  );
}
