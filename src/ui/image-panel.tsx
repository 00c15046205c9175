/** The image: chosen here, and shown as the person or as the model sees it. */
import { useState } from 'react';
import type { ReactElement } from 'react';
import type { AnswerMark } from '../protocol/turn.ts';
import type { ImageState } from '../store/app-state.ts';
import type { RoundView } from '../store/turn-state.ts';
import { FileInput } from './file-input.tsx';
import { formatResolution, formatSize, formatTokens } from './format.ts';
import { useOverlay } from './overlay/use-overlay.ts';
import { SeenCanvas } from './seen-canvas.tsx';
import { useApp } from './store-context.ts';

const NO_MARKS: readonly AnswerMark[] = [];

/** The view a person picked, and the round in which it was picked: a new round replaces it. */
interface PickedView {
  readonly key: string;
  readonly round: number;
}

/** The image panel, with the drop zone while there is no image. */
export function ImagePanel(): ReactElement {
  const image = useApp((state) => state.image);
  const pending = useApp((state) => state.imagePending);
  return (
    <section className="card image-panel" aria-label="Picture">
      {image === null ? <EmptyFrame /> : <Picture image={image} />}
      {pending !== null && <p className="image-panel__pending">Opening {pending}…</p>}
      <ImageProblem />
      <FilesLeftOut />
    </section>
  );
}

function EmptyFrame(): ReactElement {
  return (
    <div className="frame frame--empty">
      <svg className="frame__icon" viewBox="0 0 48 48" aria-hidden="true">
        <rect x="7" y="9" width="34" height="30" rx="5" />
        <circle cx="17.5" cy="19" r="3.2" />
        <path d="m8 34 10.5-9.5 7 6L33 23l8 7.5" />
      </svg>
      <p className="frame__invitation">
        <strong>Choose or drop an image</strong>
        <span>anywhere on the page; pasting works too</span>
      </p>
      <FileInput />
    </div>
  );
}

function Picture({ image }: { image: ImageState }): ReactElement {
  const turn = useApp((state) => state.turns.at(-1));
  const [picked, setPicked] = useState<PickedView | null>(null);
  const rounds = turn?.rounds.filter((round) => round.seen !== null) ?? [];
  const latest = rounds.at(-1);
  const stamp = (turn?.id ?? 0) * 10 + (latest?.round ?? 0);
  const key = picked?.round === stamp ? picked.key : latest === undefined ? 'original' : `round-${latest.round}`;
  const shown = rounds.find((round) => `round-${round.round}` === key);
  const overlay = useOverlay(image.id);
  const { info } = image;
  return (
    <>
      <div className="frame" style={{ aspectRatio: shapeOf(image) }}>
        <img className="frame__layer" src={image.url} alt={`Chosen: ${image.name}`} />
        {rounds.map((round) => (
          <SeenCanvas key={`${turn?.id}-${round.round}`} round={round} visible={round === shown} />
        ))}
        {overlay !== null && info !== null && (
          <overlay.Overlay
            picture={info}
            round={shown}
            around={shapeOf(image)}
            marks={turn?.result?.marks ?? NO_MARKS}
          />
        )}
      </div>
      {rounds.length > 0 && (
        <div className="segmented segmented--wide" role="group" aria-label="What is shown">
          <ViewButton name="Your image" pressed={shown === undefined} onPress={() => pick('original')} />
          {rounds.map((round) => (
            <ViewButton
              key={round.round}
              name={`Round ${round.round}`}
              pressed={round === shown}
              onPress={() => pick(`round-${round.round}`)}
            />
          ))}
        </div>
      )}
      {overlay !== null && info !== null && <overlay.Bar picture={info} />}
      <div className="image-panel__foot">
        <p className="caption">{shown === undefined ? describeImage(image) : describeSeen(shown)}</p>
        <div className="replace">
          <span className="quiet-button" aria-hidden="true">
            Replace
          </span>
          <FileInput />
        </div>
      </div>
    </>
  );

  function pick(view: string): void {
    setPicked({ key: view, round: stamp });
  }
}

function ViewButton({ name, pressed, onPress }: { name: string; pressed: boolean; onPress: () => void }): ReactElement {
  return (
    <button type="button" className="segmented__item" aria-pressed={pressed} onClick={onPress}>
      {name}
    </button>
  );
}

function ImageProblem(): ReactElement | null {
  const error = useApp((state) => state.imageError);
  const hasImage = useApp((state) => state.image !== null);
  const dismiss = useApp((state) => state.dismissImageError);
  if (error === null) return null;
  return (
    <div className="message message--error" role="alert">
      <p>
        <strong>{error.fileName} was not opened.</strong> {error.message}
        {hasImage && ' Your image and question are kept.'}
      </p>
      <button type="button" className="quiet-button" onClick={dismiss}>
        Dismiss
      </button>
    </div>
  );
}

function FilesLeftOut(): ReactElement {
  const count = useApp((state) => state.filesLeftOut);
  return (
    <div role="status">
      {count > 0 && (
        <p className="caption">
          Only the first image was opened; {count === 1 ? 'one other file was' : `${count} other files were`} ignored.
        </p>
      )}
    </div>
  );
}

/** The frame takes the image's shape, within reason; square until it is known. */
function shapeOf({ info }: ImageState): number {
  return info === null ? 1 : Math.min(2, Math.max(0.75, info.width / info.height));
}

function describeImage({ name, info }: ImageState): string {
  return info === null ? `${name} · waits for the model` : `${name} · ${formatSize(info)} pixels`;
}

function describeSeen(round: RoundView): string {
  const size = formatSize(round.imageSize);
  return `The model sees ${size} pixels · ${formatResolution(round.resolution)} · ${formatTokens(round.visualTokens)}`;
}
