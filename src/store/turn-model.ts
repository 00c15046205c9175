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

/** The loaded model, or what is assumed of one that is being loaded. */
export function turnModel({ engine }: { engine: { readonly status: string; readonly info?: EngineInfo } }): TurnModel {
  return engine.info?.model ?? UNKNOWN_MODEL;
}

/** How to speak of what a model calls; a model without a tool may call one all the same, in vain. */
export function toolWords({ tool }: Pick<TurnModel, 'tool'>): ToolWords {
  return tool ?? ANY_TOOL;
}
