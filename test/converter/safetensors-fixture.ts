/** Safetensors files and checkpoint folders made in memory, whole or broken. */
import type { FileSource } from '../../src/shared/files.ts';

/** A header's entry for one tensor; `unknown` because tests write invalid ones. */
export interface HeaderEntry {
  readonly dtype: unknown;
  readonly shape: unknown;
  readonly data_offsets: unknown;
}

/** A file of this header (as JSON unless it is text already) and these tensor bytes. */
export function safetensorsFile(header: unknown, data: Uint8Array<ArrayBuffer> = new Uint8Array(0)): Blob {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, BigInt(json.length), true);
  return new Blob([length.buffer, json, data]);
}

/** A file which holds these f32 tensors one after another. */
export function f32File(
  tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>,
): Blob {
  const header: Record<string, HeaderEntry> = {};
  const all: number[] = [];
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    const begin = all.length * 4;
    all.push(...values);
    header[name] = { dtype: 'F32', shape, data_offsets: [begin, all.length * 4] };
  }
  return safetensorsFile(header, new Uint8Array(Float32Array.from(all).buffer));
}

/** A folder of these files. */
export function folder(files: Readonly<Record<string, Blob | string>>, name = 'the test checkpoint'): FileSource {
  return {
    name,
    async blob(path) {
      const file = Object.hasOwn(files, path) ? files[path] : undefined;
      return typeof file === 'string' ? new Blob([file]) : file;
    },
  };
}
