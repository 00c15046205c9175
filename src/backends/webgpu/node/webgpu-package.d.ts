/** Dawn for Node. Declared here because the package is optional, and so are its types. */
declare module 'webgpu' {
  /** WebGPU by Dawn, with options such as `enable-dawn-features=NAME,NAME` and `adapter=NAME`. */
  export function create(options: readonly string[]): GPU;
  /** GPUBufferUsage and everything else that a browser has as globals. */
  export const globals: Readonly<Record<string, unknown>>;
}
