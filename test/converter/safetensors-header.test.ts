import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_HEADER_BYTES, readSafetensorsHeader } from '../../src/converter/safetensors-header.ts';
import { isNamed, messageOf } from '../../src/shared/errors.ts';
import { safetensorsFile } from './safetensors-fixture.ts';

const valid = {
  __metadata__: { format: 'pt' },
  b: { dtype: 'BF16', shape: [2, 2], data_offsets: [4, 12] },
  a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
  empty: { dtype: 'F32', shape: [0, 7], data_offsets: [4, 4] },
  scalar: { dtype: 'I64', shape: [], data_offsets: [12, 20] },
};
const validBytes = new Uint8Array(20);

/** The message of the SafetensorsError that reading `blob` throws. */
async function refusal(blob: Blob): Promise<string> {
  const thrown: unknown = await readSafetensorsHeader(blob, 'm.safetensors').then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(isNamed(thrown, 'SafetensorsError')).toBe(true);
  return messageOf(thrown);
}

/** The refusal of one tensor `w` described like this, followed by `bytes` bytes. */
function refusalOf(dtype: unknown, shape: unknown, offsets: unknown, bytes = 4): Promise<string> {
  return refusal(safetensorsFile({ w: { dtype, shape, data_offsets: offsets } }, new Uint8Array(bytes)));
}

describe('readSafetensorsHeader', () => {
  it('finds every tensor with offsets from the beginning of the file, in the order of their bytes', async () => {
    const blob = safetensorsFile(valid, validBytes);
    const entries = await readSafetensorsHeader(blob, 'm.safetensors');
    expect(entries.map(({ name }) => name)).toEqual(['a', 'empty', 'b', 'scalar']);
    const b = { name: 'b', dtype: 'BF16', shape: [2, 2], file: 'm.safetensors', byteLength: 8 };
    expect(entries[2]).toEqual({ ...b, byteOffset: blob.size - 16 });
  });

  it('accepts the spaces which writers pad the header with', async () => {
    await expect(readSafetensorsHeader(safetensorsFile('{}      '), 'm')).resolves.toEqual([]);
  });

  it('refuses a file too short for its length field, and lengths beyond the file or the limit', async () => {
    expect(await refusal(new Blob(['1234567']))).toContain('7 bytes long');
    const lying = (length: bigint) => new Blob([BigUint64Array.of(length), '{}']);
    expect(await refusal(lying(3n))).toContain('only 2 bytes follow');
    expect(await refusal(lying(BigInt(MAX_HEADER_BYTES) + 1n))).toContain(`limit of ${MAX_HEADER_BYTES}`);
    expect(await refusal(lying(2n ** 64n - 1n))).toContain('18446744073709551615');
  });

  it('refuses a header that is not a JSON object of objects, or not UTF-8', async () => {
    expect(await refusal(safetensorsFile('{"a":'))).toContain('is not JSON');
    expect(await refusal(safetensorsFile('[]'))).toContain('not a JSON object');
    expect(await refusal(safetensorsFile('null'))).toContain('not a JSON object');
    expect(await refusal(safetensorsFile(''))).toContain('is not JSON');
    expect(await refusal(safetensorsFile({ w: 3 }))).toContain('tensor w of m.safetensors is described by 3');
    expect(await refusal(new Blob([BigUint64Array.of(2n), Uint8Array.of(0xff, 0xfe)]))).toContain('is not JSON');
    expect(await refusal(safetensorsFile('['.repeat(200_000)))).toContain('is not JSON');
  });

  it('refuses metadata that is not an object of strings', async () => {
    expect(await refusal(safetensorsFile({ __metadata__: { n: 1 } }))).toContain('__metadata__');
  });

  it('refuses unknown dtypes, even the names of inherited object properties', async () => {
    expect(await refusalOf('Q4', [1], [0, 4])).toContain('tensor w of m.safetensors has dtype Q4; known are F32');
    expect(await refusalOf('constructor', [1], [0, 4])).toContain('dtype constructor');
    expect(await refusalOf(undefined, [1], [0, 4])).toContain('dtype nothing');
  });

  it.each([[[-1]], [[1.5]], [['1']], ['1'], [[2 ** 60]], [undefined], [[{ toString: false }]]])(
    'refuses the shape %j',
    async (shape) => {
      expect(await refusalOf('F32', shape, [0, 4])).toContain('shape');
    },
  );

  it('refuses shapes whose size overflows, also when a later side is zero', async () => {
    expect(await refusalOf('F32', [2 ** 30, 2 ** 30], [0, 4])).toContain('no countable number of bytes');
    expect(await refusalOf('F32', [2 ** 52, 2 ** 52, 0], [0, 0], 0)).toContain('no countable number of bytes');
  });

  it('refuses offsets that are not two, run backwards, or do not match dtype and shape', async () => {
    expect(await refusalOf('F32', [1], [0])).toContain('not two');
    expect(await refusalOf('F32', [1], [-4, 0])).toContain('not two non-negative');
    expect(await refusalOf('F32', [1], [4, 0])).toContain('before its beginning');
    expect(await refusalOf('F16', [1], [0, 4])).toContain('2 bytes, but data_offsets give it 4');
    expect(await refusalOf('F4', [1], [0, 1], 1)).toContain('no countable number of bytes');
  });

  it('refuses holes, overlaps, bytes beyond the file and bytes left over', async () => {
    const float = (offsets: readonly number[]) => ({ dtype: 'F32', shape: [1], data_offsets: offsets });
    const two = (first: readonly number[], second: readonly number[]) =>
      refusal(safetensorsFile({ v: float(first), w: float(second) }, new Uint8Array(12)));
    expect(await two([0, 4], [8, 12])).toContain('a hole');
    expect(await two([4, 8], [8, 12])).toContain('a hole');
    expect(await two([0, 4], [2, 6])).toContain('overlaps');
    expect(await two([0, 4], [0, 4])).toContain('overlaps');
    expect(await two([0, 4], [4, 8])).toContain('the tensors of m.safetensors end at byte');
    expect(await refusalOf('F32', [2], [0, 8], 4)).toContain('but the file is only');
  });

  it('advises to download the file again', async () => {
    expect(await refusal(new Blob([]))).toContain('download it again');
  });

  it('parses or refuses any bytes at all', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), (bytes) => parsesOrRefuses(new Blob([bytes]))));
  });

  it('parses or refuses any JSON as a header', async () => {
    await fc.assert(fc.asyncProperty(fc.json(), (json) => parsesOrRefuses(safetensorsFile(json, validBytes))));
  });

  it('parses or refuses a valid file after any bytes of it were changed', async () => {
    const original = new Uint8Array(await safetensorsFile(valid, validBytes).arrayBuffer());
    const change = fc.tuple(fc.nat(original.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(3), (changes, cut) => {
        const bytes = original.slice(0, original.length - cut);
        for (const [at, value] of changes) bytes[at] = value;
        return parsesOrRefuses(new Blob([bytes]));
      }),
      { numRuns: 2000 },
    );
  });

  it('parses or refuses a tensor of any description', async () => {
    const size = fc.oneof(fc.nat(8), fc.double(), fc.maxSafeInteger(), fc.jsonValue());
    const entry = fc.record({
      dtype: fc.oneof(fc.constantFrom('F32', 'F16', 'BF16', 'I64', 'F4', 'toString'), fc.jsonValue()),
      shape: fc.oneof(fc.array(size), fc.jsonValue()),
      data_offsets: fc.oneof(fc.tuple(size, size), fc.jsonValue()),
    });
    const headers = fc.dictionary(fc.string(), entry);
    await fc.assert(
      fc.asyncProperty(headers, (header) => parsesOrRefuses(safetensorsFile(header, validBytes))),
      { numRuns: 1000 },
    );
  });
});

/** Checks that every entry lies in the file, or that the error is the named one. */
async function parsesOrRefuses(blob: Blob): Promise<void> {
  try {
    for (const { byteOffset, byteLength } of await readSafetensorsHeader(blob, 'm')) {
      expect(byteOffset + byteLength).toBeLessThanOrEqual(blob.size);
    }
  } catch (error) {
    if (!isNamed(error, 'SafetensorsError')) throw error;
  }
}
