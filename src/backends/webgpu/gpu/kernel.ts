/** A kernel before compilation: WGSL and its bindings. */

/** A buffer a kernel reads or writes. */
export interface Binding {
  readonly name: string;
  /** WGSL type. */
  readonly type: string;
  readonly access: 'read' | 'read_write' | 'uniform';
}

/** The choices behind a kernel, as data for reports. */
export interface KernelChoice {
  /** The template: `GEMV`, `GEMM, f16`, `attention, decode`. */
  readonly algorithm: string;
  /** How the matrix is stored: `q4 f16 3584 x 18944`. */
  readonly format?: string;
  /** The sizes that divide the work among threads. */
  readonly tile?: Readonly<Record<string, number>>;
  /** Splits of the inputs (split-K). */
  readonly splits?: number;
}

/** A kernel's source. */
export interface Kernel {
  /** What it does, for errors and timings. */
  readonly label: string;
  readonly code: string;
  readonly bindings: readonly Binding[];
  readonly choice: KernelChoice;
}

/** What a kernel's WGSL is assembled from. */
export interface KernelSource {
  readonly label: string;
  readonly bindings: readonly Binding[];
  /** Functions, including `main`, without bindings. */
  readonly body: string;
  /** Leading WGSL: extensions and diagnostics. */
  readonly enable?: string;
  /** By default the label is the algorithm's name. */
  readonly choice?: KernelChoice;
}

/** A kernel with `groups` workgroups along x and one row per workgroup along y. */
export interface RowKernel {
  readonly kernel: Kernel;
  readonly groups: number;
}

/** Parameters that vary from run to run, in a uniform buffer of u32 fields, so that bind groups and pipelines never change. */
export interface Params {
  /** Tokens of this run; patches or merge groups in the vision tower. */
  readonly tokens: number;
  /** Tokens cached before the run; 0 by default. */
  readonly past?: number;
  /** First token whose logits are computed, and their number; 0 by default. */
  readonly firstLogitsRow?: number;
  readonly logitsRows?: number;
  /** Slots of the KV cache; 0 by default. */
  readonly capacity?: number;
  /** KV splits of attention, and cache slots per split; 1 and 0 by default. */
  readonly splits?: number;
  readonly chunk?: number;
  /** Patches per row of an image; 0 by default. */
  readonly columns?: number;
}

/** The fields' names in WGSL, in the order of {@link paramWords}. */
const PARAM_NAMES = [
  'tokens',
  'past',
  'first_logits_row',
  'logits_rows',
  'capacity',
  'splits',
  'chunk',
  'columns',
] as const;

/** Bytes of the uniform buffer. */
export const PARAM_BYTES = PARAM_NAMES.length * 4;

/** The uniform buffer's words. */
export function paramWords(params: Params): Uint32Array<ArrayBuffer> {
  const {
    tokens,
    past = 0,
    firstLogitsRow = 0,
    logitsRows = 0,
    capacity = 0,
    splits = 1,
    chunk = 0,
    columns = 0,
  } = params;
  return Uint32Array.of(tokens, past, firstLogitsRow, logitsRows, capacity, splits, chunk, columns);
}

/** The binding of the uniform buffer, for kernels that read it as `params`. */
export const PARAMS: Binding = { name: 'params', type: 'Params', access: 'uniform' };

/** Assembles a kernel: declares the bindings in order, and the uniform buffer's struct. */
export function kernel({ label, bindings, body, enable = '', choice = { algorithm: label } }: KernelSource): Kernel {
  const declared = bindings.map(({ name, type, access }, i) => {
    const space = access === 'uniform' ? 'uniform' : `storage, ${access}`;
    return `@group(0) @binding(${i}) var<${space}> ${name}: ${type};`;
  });
  const params = `struct Params { ${PARAM_NAMES.map((name) => `${name}: u32`).join(', ')} }`;
  return { label, bindings, choice, code: [enable, params, ...declared, body].join('\n') };
}

/** Most workgroups along an axis of a dispatch, in every WebGPU implementation. */
const MAX_GRID = 65_535;

/** A grid of at least `groups` workgroups along x and y; a workgroup's number is `wg.x + wg.y * grid.x`, which may exceed `groups`. */
export function grid(groups: number): readonly [number, number] {
  const y = Math.ceil(groups / MAX_GRID);
  return [Math.ceil(groups / y), y];
}

/** `value` rounded up to a multiple. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** WGSL that adds the dot product of two vec4s to a sum: four fused multiply-adds, which some compilers do not generate for `dot`. */
export function addDot(sum: string, a: string, b: string): string {
  return `${sum} = ${['w', 'z', 'y', 'x'].reduce((intermediate, part) => `fma(${a}.${part}, ${b}.${part}, ${intermediate})`, sum)};`;
}

/** Text for each of 0 to `count` - 1, line by line: an unrolled loop. */
export function repeat(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join('\n');
}
