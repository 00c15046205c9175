/** The worker's side of RandomFolderApi. */
import type { Dtype } from '../src/converter/dtypes.ts';
import { randomFolder } from '../src/converter/random-folder.ts';
import { urlFolder } from '../src/io/web/url-folder.ts';
import { presetNamed } from '../src/architectures/registry.ts';
import { ON_CPU, type RandomFolderApi } from '../src/protocol/bench-api.ts';
import type { BackendChoice, FolderSource } from '../src/protocol/engine-api.ts';
import { probeAdapter } from '../src/backends/webgpu/gpu/adapter.ts';

/** Implements the worker's interface. */
export class RandomFolderHost implements RandomFolderApi {
  async randomFolder(preset: string, backend: BackendChoice, language: string): Promise<FolderSource> {
    const model = presetNamed(preset);
    const folder = urlFolder(language, self.location.href);
    const files = await randomFolder(model, await dtypeFor(backend), folder);
    // A browser fetches a Blob's bytes lazily from the thread that made it. Reading the Blob waits until all have arrived, so
    // this thread may end afterwards.
    await Promise.all(files.map(({ blob }) => blob.slice(0, 1).arrayBuffer()));
    return { kind: 'files', name: model.name, files };
  }
}

async function dtypeFor(backend: BackendChoice): Promise<Dtype> {
  if (backend === ON_CPU) return 'q4';
  const probe = await probeAdapter();
  return typeof probe !== 'string' && probe.hasF16 ? 'q4f16' : 'q4';
}
