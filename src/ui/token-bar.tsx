/** A bar of visual tokens with a mark at what full resolution costs; it passes the mark when more was used. */
import type { CSSProperties, ReactElement } from 'react';
import { formatCount, formatRatio } from './format.ts';

/** One stretch of the bar: what one round added. */
export interface BarPart {
  readonly name: 'half' | 'full' | 'crop';
  readonly tokens: number;
}

/** End of the bar as a share of full, unless more was used: leaves space to show 125 % past the mark. */
const LEAST_SCALE = 1.25;

/** The bar. `small`: without the words at the mark. */
export function TokenBar(props: {
  readonly parts: readonly BarPart[];
  readonly used: number;
  readonly full: number;
  readonly small?: boolean;
}): ReactElement {
  const { parts, used, full, small = false } = props;
  const scale = Math.max(LEAST_SCALE, used / full) * full;
  const share = (tokens: number): string => `${(tokens / scale) * 100}%`;
  const label = `${formatCount(used)} of ${formatCount(full)} visual tokens, ${formatRatio(used / full)}`;
  return (
    <div className="token-bar" data-small={small} role="img" aria-label={label}>
      <div className="token-bar__track">
        <div className="token-bar__room" style={{ width: share(full) }} />
        <div className="token-bar__parts">
          {parts.map((part, index) => (
            <div
              key={index}
              className={`token-bar__part token-bar__part--${part.name}`}
              style={{ width: share(part.tokens) }}
            />
          ))}
        </div>
        {used > full && <div className="token-bar__excess" style={{ left: share(full), width: share(used - full) }} />}
        <div className="token-bar__mark" style={{ left: share(full) }} />
      </div>
      {!small && (
        <div className="token-bar__words" style={{ '--mark': share(full) } as CSSProperties}>
          <span>{parts.map((part) => `${part.name} ${formatCount(part.tokens)}`).join(' + ')}</span>
          <span className="token-bar__word-at-mark">100 %</span>
        </div>
      )}
    </div>
  );
}
