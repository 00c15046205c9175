/** Subgroup matrices (a GPU's tensor cores), an experimental feature of Chromium: whether a device has them and compiles their kernels. */
import { messageOf } from '../../../shared/errors.ts';
import { FRAGMENT, LANES } from '../matmul/gemm-subgroup-matrix.ts';

/** Chromium's name of the feature, until WebGPU has one. */
const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix';

/** A size of matrices that a device multiplies; not in the types of WebGPU yet. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** The subgroup matrices of one device. */
export class SubgroupMatrices {
  /**
   * Whether the device has the configuration that the kernels need. False for a device opened without f16 to compute in f32.
   */
  readonly present: boolean;
  #refusal: string | null = null;

  constructor(device: GPUDevice) {
    this.present = hasSubgroupMatrices(device);
  }

  /**
   * The result of `compile`; null if the device has no subgroup matrices, `suits` is false, or the device refuses the kernel: the
   * extension is not standard yet, so another browser may spell it differently.
   */
  async compile<T>(suits: boolean, compile: () => Promise<T>): Promise<T | null> {
    if (!suits || !this.present) return null;
    try {
      return await compile();
    } catch (thrown) {
      this.#refusal ??= messageOf(thrown);
      return null;
    }
  }

  /** Whether they are used and why not, in one sentence. */
  describe(): string {
    if (!this.present)
      return 'No subgroup matrices are offered that our kernels can use, so images and prompts are computed without them.';
    if (this.#refusal === null) return "The GPU's subgroup matrices compute images and prompts.";
    return `The GPU's subgroup matrices are not used for everything they could compute. ${this.#refusal}`;
  }
}

/** Whether a device has subgroup matrices of 16 x 16 f16 with f32 sums, and subgroups of {@link LANES}. */
export function hasSubgroupMatrices({ features, adapterInfo }: GPUDevice): boolean {
  const { subgroupMinSize, subgroupMaxSize } = adapterInfo;
  const { subgroupMatrixConfigs = [] } = adapterInfo as { subgroupMatrixConfigs?: readonly SubgroupMatrixConfig[] };
  return (
    features.has('shader-f16') &&
    features.has(SUBGROUP_MATRIX) &&
    subgroupMinSize === LANES &&
    subgroupMaxSize === LANES &&
    [...subgroupMatrixConfigs].some(
      ({ componentType, resultComponentType, M, N, K }) =>
        componentType === 'f16' && resultComponentType === 'f32' && [M, N, K].every((side) => side === FRAGMENT),
    )
  );
}
