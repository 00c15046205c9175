/** Our own kernels in a browser. */
import type { BackendHost, Candidate } from '../../backend-host.ts';
import { adapterWays } from '../adapter-ways.ts';
import { isSoftware, probeAdapter, requestDevice } from '../gpu/adapter.ts';
import { openOnDevice } from '../gpu/device-failure.ts';
import { parseTuning } from '../gpu/tuning.ts';
import { infoOf, ON_A_CARD, refusalOf } from '../options.ts';

/**
 * Adapters that compute on the CPU take minutes to compile the kernels, so there they are tried only when they are asked for by
 * name.
 */
export const host: BackendHost = {
  options: [ON_A_CARD],
  async plan({ manifest, isNamed, tuning }) {
    const probe = await probeAdapter();
    if (typeof probe === 'string') return { candidates: [], reasons: [probe] };
    const unfit = refusalOf(manifest);
    if (unfit !== null) return { candidates: [], reasons: [unfit] };
    if (isSoftware(probe) && !isNamed) return { candidates: [], reasons: [] };
    const { ways, refusal } = adapterWays(probe, manifest);
    const candidates = ways.map((way): Candidate => ({
      info: infoOf(way, probe),
      place: isSoftware(probe) ? 'emulation' : 'card',
      variant: way.activations,
      notes: way.notes,
      label: `WebGPU with our own kernels, ${way.features}`,
      open: async (folder, onEvent) =>
        openOnDevice(await requestDevice(way.device), async (device) => {
          // Fetched only where our kernels run: most of a worker's code.
          const { openWebGpuBackend } = await import('../webgpu-backend.ts');
          const options = { device, folder, variant: way.activations, tuning: parseTuning(tuning), onEvent };
          const backend = await openWebGpuBackend(options);
          return { backend, kernels: backend };
        }),
    }));
    return { candidates, reasons: refusal === null ? [] : [refusal] };
  },
};
