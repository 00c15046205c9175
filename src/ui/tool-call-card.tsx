/** The model's tool call: the moment in which it asks for the full image. */
import type { ReactElement } from 'react';
import type { ToolCall } from '../protocol/turn.ts';

/** The call as the model wrote it, and its outcome. */
export function ToolCallCard({ text, call }: { text: string; call: ToolCall | null }): ReactElement {
  const failed = call !== null && (!call.valid || call.error !== undefined);
  return (
    <div className="tool-call" data-failed={failed}>
      <p className="tool-call__title">
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M9.5 2.5h4v4M13 3 9 7M6.5 13.5h-4v-4M3 13l4-4" />
        </svg>
        {failed ? 'Asked for the full image; call rejected' : 'Asked for the full image'}
      </p>
      <pre className="tool-call__json">{text.trim()}</pre>
      {call?.error !== undefined && <p className="caption">{call.error}</p>}
    </div>
  );
}
