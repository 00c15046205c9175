/** A typed array's bytes. */

/** What `view` shows, as bytes of the same buffer: nothing is copied. */
export function bytesOf<Buffer extends ArrayBufferLike>(view: ArrayBufferView<Buffer>): Uint8Array<Buffer> {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
