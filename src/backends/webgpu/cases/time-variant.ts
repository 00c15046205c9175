/** Times variants of kernels on a device. */
import type { Compiler } from '../gpu/compiler.ts';
import type { KernelVariant } from './variants.ts';

/** Shortest measurement, so that launch overhead is negligible. */
const LEAST_MS = 40;
const MOST_DISPATCHES = 4096;

/** Milliseconds per dispatch, run back to back. Throws RuntimeUnavailableError when the device refuses the kernel. */
export async function timeVariant(compiler: Compiler, variant: KernelVariant): Promise<number> {
  const { device } = compiler;
  const compiled = await compiler.compile(variant.kernel);
  const { STORAGE, UNIFORM, COPY_DST } = GPUBufferUsage;
  const buffers = variant.bytes.map((size) => device.createBuffer({ label: 'variant', size, usage: STORAGE }));
  const params = device.createBuffer({ label: 'variant', size: variant.params.byteLength, usage: UNIFORM | COPY_DST });
  try {
    device.queue.writeBuffer(params, 0, variant.params);
    const group = compiled.bind([...buffers, params]);
    const [x = 1, y = 1, z = 1] = variant.grid;
    const run = async (count: number): Promise<number> => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(compiled.pipeline);
      pass.setBindGroup(0, group);
      for (let i = 0; i < count; i++) pass.dispatchWorkgroups(x, y, z);
      pass.end();
      const started = performance.now();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      return performance.now() - started;
    };
    await run(1);
    for (let count = 1; ; count *= 4) {
      const ms = await run(count);
      if (ms >= LEAST_MS || count >= MOST_DISPATCHES) return ms / count;
    }
  } finally {
    for (const buffer of [...buffers, params]) buffer.destroy();
  }
}
