/** The folder's graphs in Node: onnxruntime on the CPU. */
import { cpuVariant } from '../../../model/manifest.ts';
import type { BackendOption } from '../../../protocol/engine-api.ts';
import { NamedError } from '../../../shared/errors.ts';
import type { BackendHost, Candidate } from '../../backend-host.ts';
import { openOnnxBackend } from '../onnx-backend.ts';
import { createNodeRuntime } from './node-runtime.ts';

const ON_CPU: BackendOption = { id: 'cpu', label: 'the CPU', device: 'cpu' };
const NEVER = new Promise<string>(() => undefined);

/** onnxruntime-node. Throws ModelFolderError where the CPU is asked for and the folder has no f32 graphs. */
export const host: BackendHost = {
  options: [ON_CPU],
  async plan({ manifest, choice, directory }) {
    const variant = cpuVariant(manifest);
    if (directory === null) return { candidates: [], reasons: ['onnxruntime reads models from a disk only.'] };
    if (variant === undefined) {
      const why = `${manifest.name} (${manifest.dtype}) has no f32 graphs, which a CPU needs.`;
      if (choice === null) return { candidates: [], reasons: [why] };
      const advice = 'Convert it with dtype q4, or run it on a graphics card: --backend webgpu.';
      throw new NamedError('ModelFolderError', `${why} ${advice}`);
    }
    const candidate: Candidate = {
      info: {
        backend: ON_CPU.id,
        title: 'CPU',
        summary: 'cpu, onnxruntime',
        kernels: "onnxruntime's",
        build: null,
        activations: 'f32',
        threads: 0,
        adapter: '',
      },
      place: 'cpu',
      variant,
      notes: [],
      label: 'onnxruntime on the CPU with f32 activations',
      async open(folder, onEvent) {
        const runtime = createNodeRuntime(directory);
        return { backend: await openOnnxBackend({ folder, variant, runtime, onEvent }), failure: NEVER };
      },
    };
    return { candidates: [candidate], reasons: [] };
  },
};
