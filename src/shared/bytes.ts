/** A typed array's bytes. */

/** The bytes behind `view`, in the same buffer: copies nothing. */
export function bytesOf<Buffer extends ArrayBufferLike>(view: ArrayBufferView<Buffer>): Uint8Array<Buffer> {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
