/**
 * The same question in all three modes, one after another, each computed afresh so that the times are comparable. Finished
 * rows stay, even if a later one fails.
 */
import { MODE_SWITCHES } from '../protocol/turn.ts';
import type { Mode } from '../protocol/turn.ts';
import type { CompareSlice } from './app-state.ts';
import { endsEngine } from './plain-error.ts';
import { partAsked } from './region-slice.ts';
import { runTurn } from './run-turn.ts';
import { modesOf, settingsOf } from './settings-form.ts';
import { aloneOf } from './thread.ts';
import { compareObstacle } from './turn-slice.ts';
import { turnModel } from './turn-model.ts';
import { newTurn, withoutPixels } from './turn-state.ts';
import type { TurnView } from './turn-state.ts';
import type { EngineSession, SliceOf } from './engine-session.ts';

/** The comparison's slice. */
export function compareSlice(session: EngineSession): SliceOf<CompareSlice> {
  return (set, get) => {
    function changeRow(id: number, change: (turn: TurnView) => TurnView): void {
      const rows = get().comparison;
      if (rows !== null) set({ comparison: rows.map((turn) => (turn.id === id ? change(turn) : turn)) });
    }

    return {
      comparison: null,

      compare: () => {
        const settings = settingsOf(get().form);
        if (compareObstacle(get()) !== null || settings === null) return;
        const [question, part] = [get().question.trim(), partAsked(get())];
        const rowOf = (mode: Mode): TurnView =>
          newTurn({ id: session.nextId(), question, part, settings: { ...settings, ...MODE_SWITCHES[mode] } });
        set({ comparison: modesOf(turnModel(get())).map(rowOf) });
        get().runQueued();
      },

      runComparison: async () => {
        await get().syncImage();
        for (;;) {
          const row = get().comparison?.find((turn) => turn.status === 'queued');
          if (row === undefined || get().engine.status !== 'ready') return;
          // A worker that fails here has died; asking it reports that.
          await session.api?.resetCaches().catch(() => undefined);
          const isStillQueued =
            get().comparison?.some(({ id, status }) => id === row.id && status === 'queued') === true;
          if (!isStillQueued) continue; // stopped meanwhile
          const error = await runTurn(session, {
            turn: row,
            model: turnModel(get()),
            chat: aloneOf(get(), row.part),
            change: (change) => changeRow(row.id, (turn) => withoutPixels(change(turn))),
          });
          if (error !== null && endsEngine(error)) {
            get().recoverEngine(error); // the rows that are left run when the new engine is ready
            return;
          }
        }
      },
    };
  };
}
