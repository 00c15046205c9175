/** The visual tokens used, compared with the cost of the full image. */
import type { ReactElement } from 'react';
import { isOver, visualTokensOf } from '../store/turn-state.ts';
import type { RoundView, TurnView } from '../store/turn-state.ts';
import { formatCount, formatRatio, formatTokens } from './format.ts';
import { useApp } from './store-context.ts';
import { TokenBar } from './token-bar.tsx';
import type { BarPart } from './token-bar.tsx';

/** The region with the token bar. */
export function VisualTokensPanel(): ReactElement {
  return (
    <section className="card tokens" aria-labelledby="tokens-title">
      <h2 id="tokens-title" className="small-title">
        Visual tokens
      </h2>
      <Content />
    </section>
  );
}

function Content(): ReactElement {
  const info = useApp((state) => state.image?.info ?? null);
  const hasImage = useApp((state) => state.image !== null);
  const turn = useApp((state) => state.turns.at(-1));
  const used = turn === undefined ? null : visualTokensOf(turn, info?.fullTokens ?? null);
  if (turn !== undefined && used !== null) return <Used turn={turn} {...used} />;
  if (info !== null) return <Forecast half={info.halfTokens} full={info.fullTokens} />;
  return (
    <p className="empty">
      {hasImage
        ? 'Once the model is loaded, this shows what half and full resolution would cost.'
        : 'What looking costs: half the width and height is a quarter of the tokens.'}
    </p>
  );
}

function Used(props: { turn: TurnView; used: number; full: number; ratio: number }): ReactElement {
  const { turn, used, full, ratio } = props;
  const saved = full - used;
  return (
    <>
      <p className="tokens__figure">
        <strong data-over={ratio > 1}>{formatRatio(ratio)}</strong>
        <span>
          {formatTokens(used)} used · {formatCount(full)} at full resolution
        </span>
      </p>
      <TokenBar parts={turn.rounds.flatMap(partsOf)} used={used} full={full} />
      <p className="tokens__verdict">{isOver(turn) ? verdict(saved, full) : 'Still working…'}</p>
    </>
  );
}

function Forecast({ half, full }: { half: number; full: number }): ReactElement {
  const rows: readonly (readonly [name: string, parts: readonly BarPart[]])[] = [
    ['Half resolution only', [{ name: 'half', tokens: half }]],
    ['Full resolution only', [{ name: 'full', tokens: full }]],
    [
      'Half, then full',
      [
        { name: 'half', tokens: half },
        { name: 'full', tokens: full },
      ],
    ],
  ];
  return (
    <>
      <p className="caption">What a question about this image can cost:</p>
      <dl className="forecast">
        {rows.map(([name, parts]) => {
          const used = parts.reduce((sum, part) => sum + part.tokens, 0);
          return (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="forecast__number">
                {formatTokens(used)} · {formatRatio(used / full)}
              </dd>
              <dd className="forecast__bar">
                <TokenBar parts={parts} used={used} full={full} small />
              </dd>
            </div>
          );
        })}
      </dl>
    </>
  );
}

/** The tokens of a round's images by how they are shown. */
function partsOf({ images }: RoundView): readonly BarPart[] {
  const kindOf = ({ request: { region, scale } }: RoundView['images'][number]): BarPart['name'] => {
    if (region !== null) return 'crop';
    return scale < 1 ? 'half' : 'full';
  };
  return (['half', 'full', 'crop'] as const).flatMap((name) => {
    const tokens = images.reduce((sum, image) => sum + (kindOf(image) === name ? image.visualTokens : 0), 0);
    return tokens > 0 ? [{ name, tokens }] : [];
  });
}

function verdict(saved: number, full: number): string {
  if (saved > 0) return `Saved ${formatTokens(saved)} (${Math.round((100 * saved) / full)} %).`;
  if (saved < 0) return `${formatTokens(-saved)} more than going straight to full resolution.`;
  return 'Exactly what full resolution costs.';
}
