/** How fast this device encodes images, learned while it does. */
export class EncodePace {
  #msPerToken = Infinity;

  /** Notes that an image of so many visual tokens took so long. */
  note(tokens: number, ms: number): void {
    this.#msPerToken = ms / tokens;
  }

  /** Milliseconds that so many visual tokens will take by the last image's pace; Infinity before there was one. */
  expectedMs(tokens: number): number {
    return this.#msPerToken * tokens;
  }
}
