/** What a turn keeps of the model that answers it: how the page speaks of its tool, and how its text is marked. */
import type { EngineInfo, ModelInfo, ToolInfo, ToolWords } from '../protocol/engine-api.ts';

/** The part of a model that a turn is shown with. */
export type TurnModel = Pick<ModelInfo, 'tool' | 'tags'>;

/** A tool of which nothing is known. */
const ANY_TOOL: ToolInfo = { name: '', label: 'tool', asksFor: 'another look', asksAgainFor: 'another look' };

/** What the page assumes while a model loads: that it has a tool. */
export const UNKNOWN_MODEL: TurnModel = {
  tool: ANY_TOOL,
  tags: { thinking: null, answer: null, toolCall: null },
};

/** What a question is asked with. */
interface Asking {
  readonly engine: { readonly status: string; readonly info?: EngineInfo };
  readonly form: { readonly toolName: string };
}

/** The last model that was shown with a chosen tool: the same object as long as both stay, since components compare it. */
let chosen: { readonly model: ModelInfo; readonly shown: TurnModel } | null = null;

/** The loaded model with the tool that is chosen for it, or what is assumed of one that is being loaded. */
export function turnModel({ engine, form }: Asking): TurnModel {
  const model = engine.info?.model;
  const tool = model?.tools.find(({ name }) => name === form.toolName);
  if (model === undefined || tool === undefined) return model ?? UNKNOWN_MODEL;
  if (chosen?.model !== model || chosen.shown.tool !== tool) chosen = { model, shown: { ...model, tool } };
  return chosen.shown;
}

/** How to speak of what a model calls; a model without a tool may call one all the same, in vain. */
export function toolWords({ tool }: Pick<TurnModel, 'tool'>): ToolWords {
  return tool ?? ANY_TOOL;
}
