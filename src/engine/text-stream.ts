/** Token ids to text while they come: characters split over several tokens are held back until they are whole. */

/** What a stream needs of a tokenizer. */
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

  /** Takes one id; returns the text that has become certain. */
  push(id: number): string {
    this.#ids.push(id);
    const text = this.#tokenizer.decode(this.#ids);
    if (text.endsWith('\uFFFD')) return ''; // half a character
    const delta = text.slice(this.#sent.length);
    // A line break is a safe place to forget what came before; long texts stay cheap.
    if (text.endsWith('\n') || this.#ids.length > 64) {
      const last = this.#ids.slice(-4);
      this.#ids = last;
      this.#sent = this.#tokenizer.decode(last);
    } else {
      this.#sent = text;
    }
    return delta;
  }

  /** What is left at the end, half characters included. */
  end(): string {
    const delta = this.#tokenizer.decode(this.#ids).slice(this.#sent.length);
    this.#ids = [];
    this.#sent = '';
    return delta;
  }
}
