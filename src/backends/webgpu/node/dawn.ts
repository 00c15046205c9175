/**
 * A GPU in Node through Dawn, Chromium's implementation of WebGPU and an optional package here. Vulkan's loader reads its
 * variables (`VK_DRIVER_FILES`, `LD_LIBRARY_PATH`) at process start: to use a driver other than the system's, set them before
 * starting the process.
 */
import { messageOf, NamedError } from '../../../shared/errors.ts';
import { type AdapterProbe, deviceOn, type DeviceOptions, probeOf } from '../gpu/adapter.ts';
import { noteSubmissions, paceDawn } from './polling.ts';

/** The same as in the browser: subgroup matrices are behind an unsafe API, f16 on NVIDIA is off in Dawn. */
const TOGGLES = ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia'];

/** A device, and the adapter it was made on. */
export interface DawnDevice {
  readonly device: GPUDevice;
  readonly probe: AdapterProbe;
}

/** Dawn and its adapter. */
export interface Dawn {
  readonly probe: AdapterProbe;
  /** Makes a device with every allowed feature and every limit that the adapter has. An open device does not keep the process alive. */
  open(options: DeviceOptions): Promise<GPUDevice>;
}

/** Keeps Dawn's instance alive as long as its device: garbage collection of the instance would end it. */
const instances = new WeakMap<GPUDevice, GPU>();

/**
 * Starts Dawn and looks for an adapter, and defines WebGPU's globals (`GPUBufferUsage`, `GPUMapMode`, ...), but not
 * `navigator.gpu`, which libraries take as the sign of a browser. `toggles`: further switches of Dawn to turn on.
 * @throws RuntimeUnavailableError where the package, a driver or the adapter is missing: its message says what to do
 */
export async function startDawn(toggles: readonly string[] = []): Promise<Dawn> {
  const { create, globals } = await importDawn();
  Object.assign(globalThis, globals);
  paceDawn();
  const gpu = create([`enable-dawn-features=${[...TOGGLES, ...toggles].join(',')}`]);
  const probe = probeOf(await requestAdapter(gpu));
  return {
    probe,
    async open(options) {
      const adapter = await requestAdapter(gpu); // anew, because one adapter gives one device
      const device = await deviceOn(adapter, options);
      instances.set(device, gpu);
      noteSubmissions(device);
      // Dawn's Node binding lists an adapter's subgroup matrices, but not in what it says of the adapter at the device.
      Object.defineProperty(device, 'adapterInfo', { value: adapter.info });
      return device;
    },
  };
}

/**
 * Opens a device of the adapter that {@link startDawn} finds, with every feature and limit that kernels use.
 * @throws RuntimeUnavailableError as startDawn does
 */
export async function openDawn(
  options: Partial<DeviceOptions> & { readonly toggles?: readonly string[] } = {},
): Promise<DawnDevice> {
  const { toggles, f16 = true, subgroups = true } = options;
  const dawn = await startDawn(toggles);
  return { device: await dawn.open({ f16, subgroups }), probe: dawn.probe };
}

async function importDawn(): Promise<typeof import('webgpu')> {
  try {
    return await import('webgpu');
  } catch (cause) {
    throw new NamedError(
      'RuntimeUnavailableError',
      `Node has no WebGPU here: the optional package "webgpu" (Dawn) cannot be loaded (${firstLine(cause)}). ` +
        'Install it with "npm install --include=optional", or compute on the CPU.',
      { cause },
    );
  }
}

async function requestAdapter(gpu: GPU): Promise<GPUAdapter> {
  let cause: unknown;
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter !== null) return adapter;
  } catch (thrown) {
    cause = thrown;
  }
  const why =
    cause === undefined
      ? ''
      : ` (${messageOf(cause)
          .trim()
          .replaceAll(/\s*\n\s*/g, ' ')})`;
  const advice =
    process.platform === 'linux'
      ? 'Dawn needs Vulkan: its loader (libvulkan.so.1; on Debian and Ubuntu the package libvulkan1) and the driver of a graphics card.'
      : 'Dawn needs a graphics card with a current driver.';
  throw new NamedError(
    'RuntimeUnavailableError',
    `WebGPU found no graphics adapter${why}. ${advice} Without one, compute on the CPU.`,
    { cause },
  );
}

function firstLine(thrown: unknown): string {
  return messageOf(thrown).split('\n', 1)[0] ?? '';
}
