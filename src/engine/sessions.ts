/** The sessions of a loaded model: made one at a time, where need be after the machine's arithmetic has been checked. */
import { activationsOf, type GraphName, type Manifest, type VariantName } from '../model/manifest.ts';
import type { ModelFolder } from '../model/model-folder.ts';
import type { LoadEvent } from '../protocol/events.ts';
import type { Runtime, Session } from '../backends/onnx/runtime.ts';
import { NamedError } from '../shared/errors.ts';
import { checkAttention } from './attention-check.ts';

/** The three graphs of a model, ready to run. */
export interface EngineSessions {
  readonly vision: Session;
  readonly embedTokens: Session;
  readonly decoder: Session;
}

/** Outputs that stay on the device. */
const DEVICE_OUTPUTS: Readonly<Record<GraphName, (layers: number) => string[]>> = {
  vision_encoder: () => ['image_features'],
  embed_tokens: () => ['inputs_embeds'],
  decoder: (layers) => Array.from({ length: layers }, (_, i) => [`present.${i}.key`, `present.${i}.value`]).flat(),
  attention_check: () => ['present_key', 'present_value'],
};

/** The files of a model folder that running it as `name` needs. */
export function filesFor(manifest: Manifest, name: VariantName): (path: string) => boolean {
  const needed = new Set<string>();
  const unneeded = new Set<string>();
  for (const variant of manifest.variants) {
    for (const { file, data } of Object.values(variant.graphs)) {
      for (const path of [file, ...data]) (variant.name === name ? needed : unneeded).add(path);
    }
  }
  for (const { path, onlyFor } of manifest.files) if (onlyFor !== undefined) unneeded.add(path);
  return (path) => needed.has(path) || !unneeded.has(path);
}

/**
 * Checks attention where the runtime leaves that to us, then makes the sessions one after the other.
 * Throws NumericCheckError when the machine computes wrongly, ModelFolderError when the folder lacks the variant.
 */
export async function openSessions(
  folder: ModelFolder,
  runtime: Runtime,
  name: VariantName,
  onEvent: (event: LoadEvent) => void,
): Promise<EngineSessions> {
  const { manifest } = folder;
  const variant = manifest.variants.find((candidate) => candidate.name === name);
  if (variant === undefined) {
    throw new NamedError(
      'ModelFolderError',
      `${manifest.name} (${manifest.dtype}) has no ${name} graphs. Convert it with another --dtype.`,
    );
  }
  let step = 0;
  const open = async (graph: GraphName): Promise<Session> => {
    const phase = graph === 'attention_check' ? 'check' : 'compile';
    onEvent({ type: 'loadProgress', phase, loaded: step++, total: Object.keys(variant.graphs).length, detail: graph });
    const { file, data } = variant.graphs[graph];
    return runtime.createSession({
      path: file,
      graph: folder.blob(file),
      data: data.map((path) => ({ path, blob: folder.blob(path) })),
      deviceOutputs: DEVICE_OUTPUTS[graph](manifest.geometry.text.numLayers),
    });
  };
  const opened: Session[] = [];
  const keep = async (graph: GraphName): Promise<Session> => {
    const session = await open(graph);
    opened.push(session);
    return session;
  };
  try {
    if (!runtime.checksItself) {
      const check = await open('attention_check');
      try {
        await checkAttention(runtime, check, manifest.geometry, activationsOf(name));
      } finally {
        await check.release();
      }
    }
    return {
      vision: await keep('vision_encoder'),
      embedTokens: await keep('embed_tokens'),
      decoder: await keep('decoder'),
    };
  } catch (thrown) {
    for (const session of opened) await session.release();
    throw thrown;
  }
}
