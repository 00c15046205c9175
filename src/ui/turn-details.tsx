/** The numbers of a finished turn, collapsed: its times, and the tokens that the cache saved. */
import type { ReactElement } from 'react';
import type { RoundResult, TurnResult } from '../protocol/turn.ts';
import { formatCount, formatMs } from './format.ts';

const ROWS: readonly (readonly [name: string, value: (round: RoundResult) => string])[] = [
  ['Preparing the image', ({ timings }) => formatMs(timings.preprocessMs)],
  ['Encoding', ({ timings }) => formatMs(timings.encodeMs)],
  ['Prefill', ({ timings }) => formatMs(timings.prefillMs)],
  ['Writing', ({ timings }) => formatMs(timings.decodeMs)],
  ['Prompt tokens', ({ promptTokens }) => formatCount(promptTokens)],
  ['Computed now', ({ computedTokens }) => formatCount(computedTokens)],
  ['Recomputed', ({ recomputedTokens }) => formatCount(recomputedTokens)],
  ['New tokens', ({ tokenIds }) => formatCount(tokenIds.length)],
  ['Accepted from drafts', ({ draftedTokens, acceptedTokens }) => `${acceptedTokens} of ${draftedTokens} drafts`],
  ['Speed', speed],
];

/** Times and token counts of every round. */
export function TurnDetails({ result }: { result: TurnResult }): ReactElement {
  const first = result.ttftMs === null ? '' : ` First token after ${formatMs(result.ttftMs)}.`;
  return (
    <details className="disclosure">
      <summary>
        Details <span className="caption">{formatMs(result.totalMs)} in all</span>
      </summary>
      <p className="caption">
        The whole turn took {formatMs(result.totalMs)}.{first}
      </p>
      <table className="numbers" aria-label="Numbers of the turn">
        <thead>
          <tr>
            <td />
            {result.rounds.map((_, index) => (
              <th key={index} scope="col">
                Round {index + 1}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ROWS.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {result.rounds.map((round, index) => (
                <td key={index}>{value(round)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function speed({ tokenIds, timings }: RoundResult): string {
  return timings.decodeMs > 0 ? `${formatCount((tokenIds.length / timings.decodeMs) * 1000)} tokens/s` : '–';
}
