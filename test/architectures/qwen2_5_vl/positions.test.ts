/** Three-dimensional positions and rotary rows against the Hugging Face reference. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imagePositions, RotaryTable, textPositions } from '../../../src/architectures/qwen2_5_vl/positions.ts';
import { configFromCheckpoint } from '../../../src/architectures/qwen2_5_vl/config.ts';
import { readGolden, TINY_NAMES, tinyCheckpoint } from '../../helpers/tiny-model.ts';

const IMAGE_PAD = 5;
const json = (name: string, file: string): unknown =>
  JSON.parse(readFileSync(`${tinyCheckpoint(name)}/${file}`, 'utf8'));

describe('positions', () => {
  it.each(TINY_NAMES)("of both images and all text of %s equal the reference's", (name) => {
    const golden = readGolden(name);
    expect(golden.cases.length).toBeGreaterThan(0);
    for (const { half, full, round1, round2 } of golden.cases) {
      const grids = [half, full].map(({ grid_thw: [, rows, columns] }) => ({ height: rows / 2, width: columns / 2 }));
      const found: number[][] = [[], [], []];
      let next = 0;
      let afterRound1 = -1;
      for (let i = 0, image = 0; i < round2.ids.length;) {
        if (i === round1.ids.length) afterRound1 = next;
        const grid = grids[image] ?? { height: 0, width: 0 };
        const isImage = round2.ids[i] === IMAGE_PAD;
        const span = isImage ? imagePositions(next, grid) : textPositions(next, 1);
        span.positions.forEach((position, at) => found[at % 3]?.push(position));
        next = span.next;
        i += span.positions.length / 3;
        if (isImage) image++;
      }
      expect(found.flat()).toEqual([...golden.numbers(round2.position_ids)]);
      expect(afterRound1).toBe(round1.next_position);
      expect(next).toBe((round2 as { readonly next_position?: number }).next_position);
    }
  });

  it('continue after an image from its longer side, not from its token count', () => {
    expect(imagePositions(10, { height: 3, width: 5 }).next).toBe(15);
    expect(imagePositions(10, { height: 5, width: 3 }).next).toBe(15);
    expect([...imagePositions(7, { height: 2, width: 2 }).positions]).toEqual([7, 7, 7, 7, 7, 8, 7, 8, 7, 7, 8, 8]);
  });

  it('of text increase in all axes', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1000 }), fc.nat({ max: 50 }), (start, count) => {
        const { positions, next } = textPositions(start, count);
        expect(next).toBe(start + count);
        positions.forEach((position, at) => expect(position).toBe(start + Math.floor(at / 3)));
      }),
    );
  });
});

describe('RotaryTable', () => {
  /** transformers' apply_multimodal_rotary_pos_emb: cos of each axis, split by the doubled sections, section i from axis i % 3. */
  function reference(
    headDim: number,
    theta: number,
    sections: readonly number[],
    position: readonly number[],
  ): number[] {
    const angles = (axis: number): number[] =>
      Array.from({ length: headDim / 2 }, (_, j) => (position[axis] ?? 0) / theta ** ((2 * j) / headDim));
    const doubled = [0, 1, 2].map((axis) => [...angles(axis), ...angles(axis)]);
    const out: number[] = [];
    [...sections, ...sections].forEach((size, i) =>
      out.push(...(doubled[i % 3]?.slice(out.length, out.length + size) ?? [])),
    );
    return out;
  }

  it.each(TINY_NAMES)('rotates every frequency of %s by the axis the reference takes', (name) => {
    const { text } = configFromCheckpoint(json(name, 'config.json'), json(name, 'generation_config.json'));
    const table = new RotaryTable(text);
    const half = text.headDim / 2;
    expect(table.rowLength).toBe(half);
    const positions = Int32Array.of(0, 0, 0, 3, 5, 11, 100, 140, 120);
    const cos = new Float32Array(4 * half).fill(9);
    const sin = new Float32Array(4 * half).fill(9);
    table.fill(cos, sin, 1, positions);
    expect([...cos.subarray(0, half)]).toEqual(new Array<number>(half).fill(9));
    for (let row = 0; row < 3; row++) {
      const angles = reference(text.headDim, text.ropeTheta, text.mropeSection, [
        ...positions.subarray(row * 3, row * 3 + 3),
      ]);
      // Both halves of a head rotate alike where the number of sections is a multiple of three; the graph relies on it.
      for (let j = 0; j < half; j++) {
        expect(cos[(row + 1) * half + j]).toBeCloseTo(Math.cos(angles[j] ?? NaN), 4);
        expect(sin[(row + 1) * half + j]).toBeCloseTo(Math.sin(angles[j] ?? NaN), 4);
      }
    }
  });
});
