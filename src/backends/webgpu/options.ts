/** What a person chooses to run a model on a graphics card, and what candidates of our own kernels say of themselves. */
import { folderModel } from '../../architectures/registry.ts';
import type { Manifest } from '../../model/manifest.ts';
import type { BackendOption } from '../../protocol/engine-api.ts';
import type { Candidate } from '../backend-host.ts';
import type { AdapterWay } from './adapter-ways.ts';
import type { AdapterProbe } from './gpu/adapter.ts';

/** The option. */
export const ON_A_CARD: BackendOption = { id: 'webgpu', label: 'WebGPU', device: 'gpu' };

/** Why our kernels cannot compute this model, a sentence; null if they can. */
export function refusalOf(manifest: Manifest): string | null {
  const { kernels, modelType } = folderModel(manifest);
  return kernels === undefined ? `Our own kernels compute no ${modelType} models.` : null;
}

/** What runs where our kernels do. */
export function infoOf({ activations }: AdapterWay, { description }: AdapterProbe): Candidate['info'] {
  return {
    backend: ON_A_CARD.id,
    title: ON_A_CARD.label,
    summary: 'webgpu, own kernels',
    kernels: 'our own',
    build: null,
    activations,
    threads: 1,
    adapter: description,
  };
}
