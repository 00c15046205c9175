/** What this machine's GPU offers, and a device with the features and limits that kernels need. */
import { NamedError } from '../../../shared/errors.ts';

/** A probed adapter. */
export interface AdapterProbe {
  readonly adapter: GPUAdapter;
  /** Vendor, architecture and description, as far as the browser reports them. */
  readonly description: string;
  readonly hasF16: boolean;
  readonly hasSubgroups: boolean;
  /** Largest buffer a kernel can read. */
  readonly maxBindingBytes: number;
}

/** Features that kernels use if the adapter has them. The last, subgroup matrices, is Chromium's and behind a flag. */
const USED_FEATURES = ['shader-f16', 'subgroups', 'timestamp-query', 'chromium-experimental-subgroup-matrix'] as const;

/** Limits to raise to the adapter's maximum, for onnxruntime's kernels and large models. */
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

/** Looks for a WebGPU adapter; returns a sentence saying why if there is none. */
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

/** What kernels need to know about an adapter. */
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

/** Optional features to request for a device. */
export interface DeviceOptions {
  readonly f16: boolean;
  readonly subgroups: boolean;
}

/**
 * Makes a device on the browser's adapter, as {@link deviceOn} does. Requests the adapter again, because an adapter gives only
 * one device. Throws RuntimeUnavailableError when it is gone.
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
    requiredFeatures: features as GPUFeatureName[], // the types lack Chromium's
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((name) => [name, adapter.limits[name]])),
  });
}
