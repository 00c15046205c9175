/** What a device offers to kernels, as data: everything that the choice of a kernel depends on. */
import { hasSubgroupMatrices } from './subgroup-matrices.ts';

/** Features and limits of a device. */
export interface DeviceTraits {
  /** Whether kernels may compute in f16. */
  readonly hasF16: boolean;
  /** Whether it has the subgroup matrices that our kernels use. */
  readonly hasSubgroupMatrices: boolean;
  /** The size of every subgroup; null if it has none or sizes vary. */
  readonly subgroupSize: number | null;
  /** Bytes of workgroup memory. */
  readonly workgroupBytes: number;
}

/** The traits of a device. */
export function traitsOf(device: GPUDevice): DeviceTraits {
  const { features, limits, adapterInfo } = device;
  const { subgroupMinSize, subgroupMaxSize } = adapterInfo;
  return {
    hasF16: features.has('shader-f16'),
    hasSubgroupMatrices: hasSubgroupMatrices(device),
    subgroupSize: features.has('subgroups') && subgroupMinSize === subgroupMaxSize ? subgroupMinSize : null,
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
  };
}
