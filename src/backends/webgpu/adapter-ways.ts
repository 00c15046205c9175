/** The ways to use a graphics adapter for a model: types of activations, with and without subgroups, the faster first. */
import type { Activations, Manifest } from '../../model/manifest.ts';
import { fitAdapter } from './adapter-fit.ts';
import type { AdapterProbe, DeviceOptions } from './gpu/adapter.ts';

/** One way. */
export interface AdapterWay {
  readonly activations: Activations;
  readonly device: DeviceOptions;
  /** `f16 activations and subgroups` */
  readonly features: string;
  /** Why no faster one is among them. */
  readonly notes: readonly string[];
}

/** The ways an adapter offers, and the sentence that says why none does; null if one does. */
export interface AdapterWays {
  readonly ways: readonly AdapterWay[];
  readonly refusal: string | null;
}

/** Lists them. */
export function adapterWays(probe: AdapterProbe, manifest: Manifest): AdapterWays {
  const { activations: types, notes, refusal } = fitAdapter(probe, manifest);
  const ways = types.flatMap((activations) =>
    (probe.hasSubgroups ? [true, false] : [false]).map((subgroups) => ({
      activations,
      device: { f16: activations === 'f16', subgroups },
      features: `${activations} activations ${subgroups ? 'and' : 'without'} subgroups`,
      notes,
    })),
  );
  return { ways, refusal };
}
