/**
 * The turns about the current image, oldest first; the last one is shown. One thing runs at a time, a turn or a
 * comparison. A question asked while the model loads waits and then runs by itself.
 */
import type { AppState, TurnSlice } from './app-state.ts';
import { endsEngine } from './plain-error.ts';
import { partAsked } from './region-slice.ts';
import { runTurn } from './run-turn.ts';
import { settingsOf } from './settings-form.ts';
import { chatOf } from './thread.ts';
import { turnModel } from './turn-model.ts';
import { failTurn, isOver, newTurn, skipQueued, withoutPixels } from './turn-state.ts';
import type { TurnView } from './turn-state.ts';
import type { EngineSession, SliceOf } from './engine-session.ts';

/** The turns' slice. */
export function turnSlice(session: EngineSession): SliceOf<TurnSlice> {
  return (set, get) => {
    function changeTurn(id: number, change: (turn: TurnView) => TurnView): void {
      set({ turns: get().turns.map((turn) => (turn.id === id ? change(turn) : turn)) });
    }

    async function runOne(turn: TurnView): Promise<void> {
      await get().syncImage();
      if (get().turns.every((known) => known.id !== turn.id || isOver(known))) return; // stopped meanwhile
      const [model, chat] = [turnModel(get()), chatOf(get(), turn)];
      const error = await runTurn(session, { turn, model, chat, change: (change) => changeTurn(turn.id, change) });
      if (error !== null && endsEngine(error)) get().recoverEngine(error);
    }

    return {
      turns: [],
      stopping: false,

      ask: () => {
        const settings = settingsOf(get().form);
        if (askObstacle(get()) !== null || settings === null) return;
        const question = get().question.trim();
        const turn = newTurn({ id: session.nextId(), question, settings, part: partAsked(get()) });
        set({ turns: [...get().turns.map(withoutPixels), turn] });
        get().runQueued();
      },

      newChat: async () => {
        await get().stop();
        set({ turns: [], comparison: null });
        await session.changeImage(async () => {
          await session.newChat().catch(() => undefined); // a worker that has died holds nothing
        });
        await get().syncImage();
      },

      stop: async () => {
        if (!isBusy(get())) return;
        const { turns, comparison } = get();
        set({ turns: turns.map(skipQueued), comparison: comparison?.map(skipQueued) ?? null });
        if (!isBusy(get())) return;
        set({ stopping: true });
        try {
          await session.api?.stop();
        } catch {
          // the worker is gone, and the turn with it
        }
        await session.activeRun;
        set({ stopping: false });
      },

      runQueued: () => {
        if (get().engine.status !== 'ready') return;
        const runNext = (): Promise<void> => {
          const turn = get().turns.find((known) => known.status === 'queued');
          return turn === undefined ? get().runComparison() : runOne(turn);
        };
        session.run(runNext, () => {
          // A question asked while this run was ending found it busy.
          const { turns, comparison } = get();
          if ([...turns, ...(comparison ?? [])].some((known) => known.status === 'queued')) get().runQueued();
        });
      },

      failQueued: (error) => {
        const fail = (turn: TurnView): TurnView => (turn.status === 'queued' ? failTurn(turn, error) : turn);
        set({ turns: get().turns.map(fail), comparison: get().comparison?.map(fail) ?? null });
      },
    };
  };
}

/** Whether a turn or a comparison waits or runs. */
export function isBusy(state: Pick<AppState, 'turns' | 'comparison'>): boolean {
  return [...state.turns, ...(state.comparison ?? [])].some((turn) => !isOver(turn));
}

/** Why nothing can be asked now, as a sentence to show; null when it can. */
export function askObstacle(state: AppState): string | null {
  if (isBusy(state)) return 'One question at a time: wait for the answer, or stop it.';
  if (state.imagePending !== null) return 'Opening the image…';
  if (state.image === null) return 'Choose an image first.';
  if (state.question.trim() === '') return 'Type a question.';
  if (settingsOf(state.form) === null) return 'A setting is not valid; see Settings.';
  if (state.engine.status === 'failed') return 'The model is not loaded; see the message at the top.';
  return null;
}

/** Why nothing can be compared now; null when it can. */
export function compareObstacle(state: AppState): string | null {
  const isRegionAlone = state.region !== null && !state.besideWhole;
  // A region is shown at its own resolution in every mode.
  return askObstacle(state) ?? (isRegionAlone ? 'Compare needs the whole picture beside the region.' : null);
}
