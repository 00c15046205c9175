/** Decodes token ids to text as they arrive: characters split over several tokens are held back until complete. */

/** What a stream needs from a tokenizer. */
export interface IdsToText {
  decode(ids: readonly number[]): string;
}

/** Decodes one growing sequence. */
export class TextStream {
  readonly #tokenizer: IdsToText;
  #ids: number[] = [];
  #sent = '';

  constructor(tokenizer: IdsToText) {
    this.#tokenizer = tokenizer;
  }

  /** Adds one id; returns the text that can no longer change. */
  push(id: number): string {
    this.#ids.push(id);
    const text = this.#tokenizer.decode(this.#ids);
    if (text.endsWith('\uFFFD')) return ''; // half a character
    const delta = text.slice(this.#sent.length);
    // Forgetting the ids before a line break is safe and keeps long texts cheap.
    if (text.endsWith('\n') || this.#ids.length > 64) {
      const last = this.#ids.slice(-4);
      this.#ids = last;
      this.#sent = this.#tokenizer.decode(last);
    } else {
      this.#sent = text;
    }
    return delta;
  }

  /** The rest at the end, incomplete characters included. */
  end(): string {
    const delta = this.#tokenizer.decode(this.#ids).slice(this.#sent.length);
    this.#ids = [];
    this.#sent = '';
    return delta;
  }
}
