/** A GPU's matrix units, behind an experimental feature of Chromium: whether they are there, whether they serve, and why not. */
import { messageOf } from '../../../shared/errors.ts';
import { FRAGMENT, LANES } from '../matmul/gemm-subgroup-matrix.ts';

/** Chromium's name of the feature, until WebGPU has one. */
const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix';

/** What a device says of its matrix units; not in the types of WebGPU yet. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** The matrix units of one device. */
export class SubgroupMatrices {
  /**
   * Whether the device multiplies 16 x 16 matrices of f16 into f32, by subgroups of the size the kernels are made for. It has
   * to have been asked for f16, which is how a device that must compute in f32 keeps out of here.
   */
  readonly present: boolean;
  #refusal: string | null = null;

  constructor(device: GPUDevice) {
    this.present = hasMatrixUnits(device);
  }

  /**
   * What `compile` makes for matrix units; null where the device has none, they do not suit, or it refuses: the extension is no
   * standard yet, so another browser may spell it otherwise.
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
      return 'This browser offers no matrix units that our kernels can use, so images and prompts are computed without them.';
    if (this.#refusal === null) return "The GPU's matrix units compute images and prompts.";
    return `The GPU's matrix units are not used for all that they could be. ${this.#refusal}`;
  }
}

function hasMatrixUnits({ features, adapterInfo }: GPUDevice): boolean {
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
