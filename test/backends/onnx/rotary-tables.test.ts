/** Buffers of the rotary tables: bindings to them stay valid while their size does not change. */
import { describe, expect, it } from 'vitest';
import { RotaryTables } from '../../../src/backends/onnx/rotary-tables.ts';
import type { Span } from '../../../src/model/span.ts';
import { checkpointModel } from '../../../src/architectures/registry.ts';
import type { DeviceRuntime, Tensor, TensorData, TensorType } from '../../../src/backends/onnx/runtime.ts';
import { flatConfig } from '../../architectures/qwen2_5_vl/checkpoint-configs.ts';

const {
  config: { text },
  positions,
} = checkpointModel(flatConfig(), undefined);

/** A runtime on which an upload is a copy, as on a device. */
class Machine {
  readonly kind = 'device';
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

function promptWith(height: number, width: number): Span[] {
  return [
    { kind: 'text', tokens: 3 },
    { kind: 'image', grid: { height, width } },
    { kind: 'text', tokens: 1 },
  ];
}

describe('rotary tables on the device', () => {
  const open = (machine: Machine): RotaryTables =>
    new RotaryTables(machine as unknown as DeviceRuntime, positions, 'f32', 64);

  it('are overwritten in place for another picture, and freed', () => {
    const machine = new Machine();
    const tables = open(machine);
    tables.fill(promptWith(2, 3));
    const first = tables.tensors;
    expect(first[0].dims).toEqual([64, text.headDim / 2]);
    const cosines = machine.held.get(first[0]);
    tables.fill(promptWith(4, 2));
    expect(tables.tensors[0]).toBe(first[0]);
    expect(tables.tensors[1]).toBe(first[1]);
    expect(machine.held.get(first[0])).not.toEqual(cosines);

    const fresh = open(machine);
    fresh.fill(promptWith(4, 2));
    first.forEach((table, i) => expect(machine.held.get(table)).toEqual(machine.held.get(fresh.tensors[i] ?? table)));
    tables.dispose();
    fresh.dispose();
    expect(machine.held.size).toBe(0);
  });

  it('grow with their content', () => {
    const machine = new Machine();
    const tables = open(machine);
    tables.grow(16);
    expect(machine.held.size).toBe(0);
    tables.fill(promptWith(2, 3));
    tables.grow(96);
    const fresh = new RotaryTables(machine as unknown as DeviceRuntime, positions, 'f32', 96);
    fresh.fill(promptWith(2, 3));
    const [cos, sin] = tables.tensors;
    expect(cos.dims).toEqual([96, text.headDim / 2]);
    [cos, sin].forEach((table, i) =>
      expect(machine.held.get(table)).toEqual(machine.held.get(fresh.tensors[i] ?? table)),
    );
    tables.dispose();
    fresh.dispose();
    expect(machine.held.size).toBe(0);
  });

  it('are not recomputed when the same images are at the same positions', () => {
    const machine = new Machine();
    const tables = open(machine);
    tables.fill(promptWith(2, 3));
    const before = machine.held.get(tables.tensors[0]);
    tables.fill([...promptWith(2, 3), { kind: 'text', tokens: 9 }]);
    expect(machine.held.get(tables.tensors[0])).toBe(before);
  });
});
