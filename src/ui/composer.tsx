/** The question box, its buttons, the mode and the settings. */
import type { ReactElement } from 'react';
import { askObstacle, compareObstacle, isBusy } from '../store/turn-slice.ts';
import { ModePicker } from './mode-picker.tsx';
import { SettingsPanel } from './settings-panel.tsx';
import { useApp } from './store-context.ts';

/** Past this length the box no longer grows: measuring a very long text at every key would be slow. */
const GROW_LIMIT = 4000;

/** The question box with its buttons, the mode and the settings. */
export function Composer(): ReactElement {
  const stop = useApp((state) => state.stop);
  const compare = useApp((state) => state.compare);
  const ask = useApp((state) => state.ask);
  const obstacle = useApp(askObstacle);
  const noComparing = useApp(compareObstacle);
  const newChat = useApp((state) => state.newChat);
  const isTalking = useApp(({ form, turns }) => form.memory && turns.length > 0);
  const busy = useApp(isBusy);
  const stopping = useApp((state) => state.stopping);
  return (
    <section className="card composer" aria-label="Ask about the picture">
      <QuestionBox />
      <Suggestions />
      <div className="composer__actions">
        <button
          type="button"
          className="button button--primary"
          disabled={obstacle !== null}
          aria-describedby="ask-hint"
          onClick={ask}
        >
          Ask
        </button>
        <button type="button" className="button" disabled={!busy || stopping} onClick={() => void stop()}>
          Stop
        </button>
        <button
          type="button"
          className="button"
          disabled={noComparing !== null}
          aria-describedby="ask-hint"
          title="Ask in all three modes and compare"
          onClick={compare}
        >
          Compare
        </button>
        {isTalking && (
          <button type="button" className="button" onClick={() => void newChat()}>
            New chat
          </button>
        )}
        <Hint obstacle={obstacle ?? noComparing} stopping={stopping} />
      </div>
      <ModePicker>
        <SettingsPanel />
      </ModePicker>
    </section>
  );
}

function QuestionBox(): ReactElement {
  const question = useApp((state) => state.question);
  const setQuestion = useApp((state) => state.setQuestion);
  const ask = useApp((state) => state.ask);
  return (
    <>
      <label className="small-title" htmlFor="question">
        Question
      </label>
      <textarea
        id="question"
        className="question"
        data-grows={question.length <= GROW_LIMIT}
        rows={1}
        spellCheck={question.length <= GROW_LIMIT}
        placeholder="What would you like to know?"
        value={question}
        onChange={(event) => setQuestion(event.target.value)}
        onKeyDown={(event) => {
          const isPlainEnter = event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing;
          if (!isPlainEnter) return;
          event.preventDefault();
          if (!event.repeat) ask();
        }}
      />
    </>
  );
}

function Suggestions(): ReactElement | null {
  const suggestions = useApp((state) => state.image?.suggestions);
  const setQuestion = useApp((state) => state.setQuestion);
  const question = useApp((state) => state.question);
  if (suggestions === undefined || suggestions.length === 0) return null;
  return (
    <ul className="chips" aria-label="Suggestions">
      {suggestions.map((suggestion) => (
        <li key={suggestion}>
          <button
            type="button"
            className="chip"
            aria-pressed={suggestion === question}
            onClick={() => setQuestion(suggestion)}
          >
            {suggestion}
          </button>
        </li>
      ))}
    </ul>
  );
}

function Hint({ obstacle, stopping }: { obstacle: string | null; stopping: boolean }): ReactElement {
  const loading = useApp((state) => state.engine.status === 'loading');
  const waiting = loading ? 'The model is still loading; a question asked now waits for it.' : '';
  return (
    <p id="ask-hint" className="caption composer__hint">
      {stopping ? 'Stopping…' : (obstacle ?? waiting)}
    </p>
  );
}
