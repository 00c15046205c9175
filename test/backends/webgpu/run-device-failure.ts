/** A device that refuses a kernel, then a buffer: `run-device-failure.ts OUT`. Writes {@link Failures}. */
import { writeFileSync } from 'node:fs';
import { Compiler } from '../../../src/backends/webgpu/gpu/compiler.ts';
import { deviceFailure } from '../../../src/backends/webgpu/gpu/device-failure.ts';
import { readBuffer } from '../../../src/backends/webgpu/gpu/readback.ts';
import { openDawn } from '../../../src/backends/webgpu/node/dawn.ts';
import { messageOf } from '../../../src/shared/errors.ts';
import { pause } from '../../../src/shared/pause.ts';

/** The reported failure of a device after it refused a kernel, and after it refused a buffer. */
export interface Failures {
  /** The refusal of the kernel. */
  readonly refusal: string;
  readonly afterKernel: string | null;
  readonly afterBuffer: string | null;
}

const { device } = await openDawn({ f16: false, subgroups: false });
const failure = deviceFailure(device);
const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
const small = device.createBuffer({ size: 16, usage });

/** The failure as an engine learns of it: after reading a result. */
async function known(): Promise<string | null> {
  await readBuffer(device, small, 16);
  return Promise.race([failure, pause(0).then(() => null)]);
}

const nonsense = { label: 'nonsense', code: 'fn main( {', bindings: [], choice: { algorithm: 'none' } };
const refusal = await new Compiler(device).compile(nonsense).then(() => '', messageOf);
const afterKernel = await known();
device.createBuffer({ size: 2 * device.limits.maxBufferSize, usage });
const afterBuffer = await known();
writeFileSync(process.argv[2] ?? '', JSON.stringify({ refusal, afterKernel, afterBuffer } satisfies Failures));
device.destroy();
