/** Our own kernels in Node, through Dawn. */
import { isNamed, messageOf } from '../../../shared/errors.ts';
import type { BackendHost, Candidate } from '../../backend-host.ts';
import { adapterWays } from '../adapter-ways.ts';
import { isSoftware } from '../gpu/adapter.ts';
import { openOnDevice } from '../gpu/device-failure.ts';
import { parseTuning } from '../gpu/tuning.ts';
import { infoOf, ON_A_CARD, refusalOf } from '../options.ts';
import { openWebGpuBackend } from '../webgpu-backend.ts';
import { type Dawn, startDawn } from './dawn.ts';

/** An adapter that computes on the CPU counts only where WebGPU is asked for, and so do the errors of Dawn. */
export const host: BackendHost = {
  options: [ON_A_CARD],
  async plan({ manifest, choice, tuning }) {
    const unfit = refusalOf(manifest);
    if (unfit !== null) return { candidates: [], reasons: [unfit] };
    let dawn: Dawn;
    try {
      dawn = await startDawn();
    } catch (thrown) {
      if (choice !== null || !isNamed(thrown, 'RuntimeUnavailableError')) throw thrown;
      return { candidates: [], reasons: [messageOf(thrown)] };
    }
    const { probe } = dawn;
    if (choice === null && isSoftware(probe)) {
      const why = `The only WebGPU adapter (${probe.description}) computes on the CPU, which onnxruntime does faster.`;
      return { candidates: [], reasons: [why] };
    }
    const { ways, refusal } = adapterWays(probe, manifest);
    const candidates = ways.map((way): Candidate => ({
      info: infoOf(way, probe),
      place: isSoftware(probe) ? 'emulation' : 'card',
      variant: way.activations,
      notes: way.notes,
      label: `WebGPU through Dawn with ${way.features} on ${probe.description}`,
      open: async (folder, onEvent) =>
        openOnDevice(await dawn.open(way.device), async (device) => {
          const options = { device, folder, variant: way.activations, tuning: parseTuning(tuning), onEvent };
          const backend = await openWebGpuBackend(options);
          return { backend, kernels: backend };
        }),
    }));
    return { candidates, reasons: refusal === null ? [] : [refusal] };
  },
};
