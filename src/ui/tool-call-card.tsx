/** The model's tool call: the moment in which it asks for more. */
import type { ReactElement } from 'react';
import type { ToolWords } from '../protocol/engine-api.ts';
import type { ToolCall } from '../protocol/turn.ts';

/** The call as the model wrote it, and its outcome. */
export function ToolCallCard(props: {
  readonly tool: ToolWords;
  readonly text: string;
  readonly call: ToolCall | null;
}): ReactElement {
  const { tool, text, call } = props;
  const failed = call !== null && (!call.valid || call.error !== undefined);
  return (
    <div className="tool-call" data-failed={failed}>
      <p className="tool-call__title">
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M9.5 2.5h4v4M13 3 9 7M6.5 13.5h-4v-4M3 13l4-4" />
        </svg>
        {`Asked for ${tool.asksFor}${failed ? '; call rejected' : ''}`}
      </p>
      <pre className="tool-call__json">{text.trim()}</pre>
      {call?.error !== undefined && <p className="caption">{call.error}</p>}
    </div>
  );
}
