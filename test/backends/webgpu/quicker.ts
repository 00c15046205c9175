/**
 * Dawn's switches that make drivers on the CPU compile kernels quicker. WebGPU zeroes workgroup memory before a kernel starts, in
 * loops that SwiftShader unrolls: without them it compiles a GEMM in a third of the time. The kernels write before they read, which
 * these runs show too; browsers keep the zeroes.
 */
export const QUICKER: readonly string[] = ['disable_workgroup_init'];
