/** What this machine's GPU offers, and a device with the features and limits that kernels need. */
import { NamedError } from '../../../shared/errors.ts';

/** An adapter that was looked at. */
export interface AdapterProbe {
  readonly adapter: GPUAdapter;
  /** Vendor, architecture and description, as far as the browser tells. */
  readonly description: string;
  readonly hasF16: boolean;
  readonly hasSubgroups: boolean;
  /** Largest buffer a kernel can read. */
  readonly maxBindingBytes: number;
}

/** Features that kernels use if the adapter has them. The last, subgroup matrices, is Chromium's and behind a flag. */
const USED_FEATURES = ['shader-f16', 'subgroups', 'timestamp-query', 'chromium-experimental-subgroup-matrix'] as const;

/** Limits onnxruntime's kernels and large models need as high as they go. */
const RAISED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
] as const;

function requestAdapter(): Promise<GPUAdapter | null> {
  return navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
}

/** Looks for a WebGPU adapter; a sentence says why there is none. */
export async function probeAdapter(): Promise<AdapterProbe | string> {
  if (!('gpu' in navigator) || navigator.gpu === undefined) return 'This browser has no WebGPU.';
  let adapter: GPUAdapter | null;
  try {
    adapter = await requestAdapter();
  } catch (thrown) {
    return `WebGPU refused: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
  return adapter === null ? 'WebGPU found no graphics adapter.' : probeOf(adapter);
}

/** What kernels must know of an adapter. */
export function probeOf(adapter: GPUAdapter): AdapterProbe {
  const { vendor, architecture, description } = adapter.info;
  return {
    adapter,
    description: [vendor, architecture, description].filter((part) => part !== '').join(' ') || 'unnamed adapter',
    hasF16: adapter.features.has('shader-f16'),
    hasSubgroups: adapter.features.has('subgroups'),
    maxBindingBytes: Math.min(adapter.limits.maxStorageBufferBindingSize, adapter.limits.maxBufferSize),
  };
}

/** Whether an adapter computes on the CPU. */
export function isSoftware({ adapter, description }: AdapterProbe): boolean {
  return adapter.info.isFallbackAdapter || /swiftshader|llvmpipe|software/i.test(description);
}

/** Which of the features that kernels can do without a device is to have. */
export interface DeviceOptions {
  readonly f16: boolean;
  readonly subgroups: boolean;
}

/**
 * Makes a device as {@link deviceOn} does, of the browser's adapter. Asks for the adapter anew, because one adapter gives one
 * device. Throws RuntimeUnavailableError when it is gone.
 */
export async function requestDevice(options: DeviceOptions): Promise<GPUDevice> {
  const adapter = await requestAdapter();
  if (adapter === null) {
    throw new NamedError(
      'RuntimeUnavailableError',
      'The graphics adapter has gone away. Reload the page to try again.',
    );
  }
  return deviceOn(adapter, options);
}

/** Makes a device with every allowed feature and every limit that an adapter has. */
export function deviceOn(adapter: GPUAdapter, { f16, subgroups }: DeviceOptions): Promise<GPUDevice> {
  const allowed = {
    'shader-f16': f16,
    subgroups,
    'timestamp-query': true,
    'chromium-experimental-subgroup-matrix': f16 && subgroups,
  };
  const features = USED_FEATURES.filter((name) => allowed[name] && adapter.features.has(name));
  return adapter.requestDevice({
    requiredFeatures: features as GPUFeatureName[], // the types do not know Chromium's
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((name) => [name, adapter.limits[name]])),
  });
}
