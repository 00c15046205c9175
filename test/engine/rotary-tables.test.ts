/** Where the rotary tables lie: what is bound to them stays bound while they are of one size. */
import { describe, expect, it } from 'vitest';
import type { Segment } from '../../src/engine/segments.ts';
import { RotaryTables } from '../../src/engine/rotary-tables.ts';
import { parseGeometry } from '../../src/model/model-config.ts';
import type { Runtime, Tensor, TensorData, TensorType } from '../../src/backends/onnx/runtime.ts';
import { flatConfig } from '../model/checkpoint-configs.ts';

const { text } = parseGeometry(flatConfig(), undefined);

/** A machine on which what was uploaded is a copy, as on a device. */
class Machine {
  readonly held = new Map<Tensor, TensorData>();

  upload(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    const tensor: Tensor = { type, dims, read: async () => data, dispose: () => void this.held.delete(tensor) };
    this.held.set(tensor, data.slice());
    return tensor;
  }

  overwrite(tensor: Tensor, data: TensorData): void {
    if (this.held.get(tensor)?.length !== data.length) throw new Error('numbers over others');
    this.held.set(tensor, data.slice());
  }
}

function promptWith(height: number, width: number): Segment[] {
  const grid = { height, width };
  const image: Segment = { kind: 'image', serial: 0, grid, features: () => Promise.reject(new Error('unasked')) };
  return [{ kind: 'text', ids: [1, 2, 3] }, image, { kind: 'text', ids: [4] }];
}

describe('rotary tables on the device', () => {
  it('are written over for another picture, and made anew for another capacity', () => {
    const machine = new Machine();
    const tables = new RotaryTables(machine as unknown as Runtime, text, 'f32');
    tables.fill(promptWith(2, 3), 64);
    const first = tables.tensors;
    const cosines = machine.held.get(first[0]);
    tables.fill(promptWith(4, 2), 64);
    expect(tables.tensors).toEqual(first);
    expect(tables.tensors[0]).toBe(first[0]);
    expect(machine.held.get(first[0])).not.toEqual(cosines);

    const fresh = new RotaryTables(machine as unknown as Runtime, text, 'f32');
    fresh.fill(promptWith(4, 2), 64);
    first.forEach((table, i) => expect(machine.held.get(table)).toEqual(machine.held.get(fresh.tensors[i] ?? table)));

    tables.fill(promptWith(4, 2), 128);
    expect(tables.tensors[0]).not.toBe(first[0]);
    expect(tables.tensors[0].dims).toEqual([128, text.headDim / 2]);
    tables.dispose();
    fresh.dispose();
    expect(machine.held.size).toBe(0);
  });
});
