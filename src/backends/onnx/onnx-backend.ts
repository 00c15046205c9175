/** A backend that runs a model folder's ONNX graphs. Sessions are created one at a time, after the attention self-test. */
import type { Backend } from '../../engine/backend.ts';
import { type Activations, activationsOf, type GraphName, type VariantName } from '../../model/manifest.ts';
import type { ModelDefinition } from '../../architectures/architecture.ts';
import type { ModelFolder } from '../../architectures/model-folder.ts';
import { presentKey, presentValue } from '../../onnx/graph-names.ts';
import type { LoadEvent } from '../../protocol/events.ts';
import { NamedError } from '../../shared/errors.ts';
import type { Runtime, Session } from './runtime.ts';
import { testAttention } from './self-test.ts';
import { OnnxTextModel } from './text-model.ts';
import { OnnxVisionModel } from './vision-model.ts';

/** What to open a backend from. */
export interface OnnxBackendOptions {
  readonly folder: ModelFolder;
  /** The graphs that run. */
  readonly variant: VariantName;
  /** Owned and disposed by the backend; if opening fails, the caller disposes it. */
  readonly runtime: Runtime;
  readonly onEvent: (event: LoadEvent) => void;
}

interface Sessions {
  readonly vision: Session;
  readonly embedTokens: Session;
  readonly decoder: Session;
}

/** Outputs that stay on the device. */
const DEVICE_OUTPUTS: Readonly<Record<GraphName, (layers: number) => string[]>> = {
  vision_encoder: () => ['image_features'],
  embed_tokens: () => ['inputs_embeds'],
  decoder: (layers) => Array.from({ length: layers }, (_, i) => [presentKey(i), presentValue(i)]).flat(),
  attention_check: () => ['present_key', 'present_value'],
};

/**
 * Self-tests attention, then creates the sessions one after the other.
 * Throws NumericCheckError when the machine computes wrongly, ModelFolderError when the folder lacks the variant.
 */
export async function openOnnxBackend(options: OnnxBackendOptions): Promise<Backend> {
  const { folder, runtime, variant } = options;
  const sessions = await openSessions(options);
  return new OnnxBackend(runtime, sessions, folder.model, activationsOf(variant));
}

class OnnxBackend implements Backend {
  readonly vision: OnnxVisionModel;
  readonly text: OnnxTextModel;
  readonly leavesThreadFree: boolean;
  readonly #runtime: Runtime;
  readonly #sessions: readonly Session[];

  constructor(
    runtime: Runtime,
    { vision, embedTokens, decoder }: Sessions,
    model: ModelDefinition,
    activations: Activations,
  ) {
    this.vision = new OnnxVisionModel({ runtime, session: vision, model, activations });
    this.text = new OnnxTextModel({ runtime, embedTokens, decoder, model, activations });
    this.leavesThreadFree = runtime.leavesThreadFree;
    this.#runtime = runtime;
    this.#sessions = [vision, embedTokens, decoder];
  }

  notes(): readonly string[] {
    return [];
  }

  async dispose(): Promise<void> {
    for (const session of this.#sessions) await session.release();
    await this.#runtime.dispose();
  }
}

async function openSessions({ folder, variant: name, runtime, onEvent }: OnnxBackendOptions): Promise<Sessions> {
  const { manifest } = folder;
  const variant = manifest.variants.find((candidate) => candidate.name === name);
  if (variant === undefined) {
    throw new NamedError(
      'ModelFolderError',
      `${manifest.name} (${manifest.dtype}) has no ${name} graphs. Convert it with another --dtype.`,
    );
  }
  let step = 0;
  const opened = new Set<Session>();
  const open = async (graph: GraphName): Promise<Session> => {
    const phase = graph === 'attention_check' ? 'check' : 'compile';
    onEvent({ type: 'loadProgress', phase, loaded: step++, total: Object.keys(variant.graphs).length, detail: graph });
    const { file, data } = variant.graphs[graph];
    const session = await runtime.createSession({
      path: file,
      graph: folder.blob(file),
      data: data.map((path) => ({ path, blob: folder.blob(path) })),
      deviceOutputs: DEVICE_OUTPUTS[graph](manifest.config.text.numLayers),
    });
    opened.add(session);
    return session;
  };
  const close = async (session: Session): Promise<void> => {
    opened.delete(session);
    await session.release();
  };
  try {
    const check = await open('attention_check');
    await testAttention(runtime, check, folder.model, activationsOf(name));
    await close(check);
    return {
      vision: await open('vision_encoder'),
      embedTokens: await open('embed_tokens'),
      decoder: await open('decoder'),
    };
  } catch (thrown) {
    for (const session of opened) await close(session);
    throw thrown;
  }
}
