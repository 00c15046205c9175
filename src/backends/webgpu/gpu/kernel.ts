/** What a kernel is before it is compiled: WGSL, and what is bound to it. */

/** A buffer a kernel reads or writes. */
export interface Binding {
  readonly name: string;
  /** WGSL type. */
  readonly type: string;
  readonly access: 'read' | 'read_write' | 'uniform';
}

/** A kernel's source. */
export interface Kernel {
  /** What it does, for errors and timings. */
  readonly label: string;
  readonly code: string;
  readonly bindings: readonly Binding[];
}

/** A kernel whose workgroups are so many along x, and rows along y. */
export interface RowKernel {
  readonly kernel: Kernel;
  readonly groups: number;
}

/** What differs from run to run: a uniform buffer of {@link PARAM_NAMES}, so that bind groups and pipelines never change. */
const PARAM_NAMES = [
  'tokens', // of this run
  'past', // tokens cached before it
  'first', // first token that goes through the head
  'wanted', // tokens that go through the head
  'capacity', // slots of the cache
  'splits', // parts of the cache that attention computes apart
  'chunk', // slots of a part
  'columns', // patches side by side in an image
] as const;

/** The values of a run. */
export type Params = Readonly<Record<Exclude<(typeof PARAM_NAMES)[number], 'columns'>, number>> & {
  readonly columns?: number;
};

/** Bytes of the uniform buffer. */
export const PARAM_BYTES = PARAM_NAMES.length * 4;

/** The uniform buffer's words. */
export function paramWords(params: Params): Uint32Array<ArrayBuffer> {
  const { tokens, past, first, wanted, capacity, splits, chunk, columns = 0 } = params;
  return Uint32Array.of(tokens, past, first, wanted, capacity, splits, chunk, columns);
}

/** The binding of the uniform buffer, for kernels that look at it as `params`. */
export const PARAMS: Binding = { name: 'params', type: 'Params', access: 'uniform' };

/** Puts a kernel together. `body` has the functions, `main` among them, without any binding. */
export function kernel(label: string, bindings: readonly Binding[], body: string, enable = ''): Kernel {
  const declared = bindings.map(({ name, type, access }, i) => {
    const space = access === 'uniform' ? 'uniform' : `storage, ${access}`;
    return `@group(0) @binding(${i}) var<${space}> ${name}: ${type};`;
  });
  const params = `struct Params { ${PARAM_NAMES.map((name) => `${name}: u32`).join(', ')} }`;
  return { label, bindings, code: [enable, params, ...declared, body].join('\n') };
}

/** Most workgroups along an axis of a dispatch, in every WebGPU implementation. */
const MAX_GRID = 65_535;

/** A grid of at least `groups` workgroups along x and y; their number is `wg.x + wg.y * grid.x`, and may pass `groups`. */
export function grid(groups: number): readonly [number, number] {
  const y = Math.ceil(groups / MAX_GRID);
  return [Math.ceil(groups / y), y];
}

/** The next multiple. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** WGSL that adds the dot product of two vec4s to a sum: four fused multiply-adds, which some compilers do not make of `dot`. */
export function addDot(sum: string, a: string, b: string): string {
  return `${sum} = ${['w', 'z', 'y', 'x'].reduce((inner, part) => `fma(${a}.${part}, ${b}.${part}, ${inner})`, sum)};`;
}

/** Text for each of 0 to `count` - 1, line by line: an unrolled loop. */
export function repeat(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join('\n');
}
