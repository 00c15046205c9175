/** Runs the kernel cases and times kernels on the browser's adapter, for the kernels page. */
import { kernelCases } from '../src/backends/webgpu/cases/all-cases.ts';
import { runCases } from '../src/backends/webgpu/cases/run-case.ts';
import { timeVariant } from '../src/backends/webgpu/cases/time-variant.ts';
import { type KernelVariant, kernelVariants } from '../src/backends/webgpu/cases/variants.ts';
import { isSoftware, probeAdapter, requestDevice } from '../src/backends/webgpu/gpu/adapter.ts';
import { Compiler } from '../src/backends/webgpu/gpu/compiler.ts';
import { traitsOf } from '../src/backends/webgpu/gpu/device-traits.ts';
import type { CaseLine, KernelsAdapter, KernelsApi, VariantLine } from '../src/protocol/kernels-api.ts';
import { messageOf, NamedError } from '../src/shared/errors.ts';

/** Sides of matrices and tokens of prompts: on a card, and on an adapter that computes on the CPU. */
const ON_CARD = { side: 4096, tokens: 512 };
const IN_SOFTWARE = { side: 256, tokens: 32 };

/** The page's worker. */
export class KernelsHost implements KernelsApi {
  #opened: { readonly compiler: Compiler; readonly sizes: typeof ON_CARD } | null = null;

  async open(): Promise<KernelsAdapter> {
    const probe = await probeAdapter();
    if (typeof probe === 'string') throw new NamedError('RuntimeUnavailableError', probe);
    const device = await requestDevice({ f16: true, subgroups: true });
    this.#opened = { compiler: new Compiler(device), sizes: isSoftware(probe) ? IN_SOFTWARE : ON_CARD };
    const { hasF16, hasSubgroupMatrices, subgroupSize, workgroupBytes } = traitsOf(device);
    return {
      description: probe.description,
      features: [
        hasF16 ? 'f16' : 'no f16',
        subgroupSize === null ? 'no subgroups of one size' : `subgroups of ${subgroupSize}`,
        hasSubgroupMatrices ? 'subgroup matrices' : 'no subgroup matrices',
        `${workgroupBytes / 1024} KiB of workgroup memory`,
      ],
    };
  }

  async runCases(onLine: (line: CaseLine) => void): Promise<void> {
    const cases = kernelCases();
    const tolerances = new Map(cases.map(({ name, tolerance }) => [name, tolerance]));
    await runCases(this.#device().compiler, cases, ({ name, state, error, detail }) => {
      onLine({ name, state, error, detail, tolerance: tolerances.get(name) ?? 0 });
    });
  }

  async timeVariants(onLine: (line: VariantLine) => void): Promise<void> {
    const { compiler, sizes } = this.#device();
    for (const variant of kernelVariants(traitsOf(compiler.device), sizes.side, sizes.tokens)) {
      onLine(await timed(compiler, variant));
    }
  }

  #device(): { readonly compiler: Compiler; readonly sizes: typeof ON_CARD } {
    if (this.#opened === null) throw new NamedError('RuntimeUnavailableError', 'No device was opened yet.');
    return this.#opened;
  }
}

async function timed(compiler: Compiler, variant: KernelVariant): Promise<VariantLine> {
  const { group, name, work } = variant;
  try {
    const ms = await timeVariant(compiler, variant);
    const perSecond = work.amount / (ms / 1000);
    const rate =
      work.unit === 'B' ? `${(perSecond / 1e9).toPrecision(3)} GB/s` : `${(perSecond / 1e12).toPrecision(3)} TFLOP/s`;
    return { group, name, ms, rate };
  } catch (thrown) {
    return { group, name, ms: null, rate: messageOf(thrown) };
  }
}
