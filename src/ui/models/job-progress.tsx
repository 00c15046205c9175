/** Progress of a library job: phase, bytes, rate, time left. */
import type { ReactElement } from 'react';
import type { ModelProgress } from '../../protocol/library-api.ts';
import type { LibraryJob } from '../../store/models-state.ts';
import { formatBytes, formatDuration, formatSpeed } from '../format.ts';

const PHASES: Record<ModelProgress['phase'], string> = {
  weights: 'Reading and converting',
  hashes: 'Checking what was written',
  copy: 'Copying',
  verify: 'Checking every byte',
  export: 'Exporting',
};

/** A line and a bar; the bar moves by itself until something is known. */
export function JobProgress({ job }: { job: LibraryJob }): ReactElement {
  const { progress } = job;
  return (
    <div className="model__progress">
      <p className="caption">{progress === null ? 'Reading the list of files…' : describe(progress, job)}</p>
      {progress?.waiting !== undefined && <p className="caption model__waiting">{progress.waiting}</p>}
      <progress
        className="bar"
        aria-label={progress === null ? 'Starting' : PHASES[progress.phase]}
        {...(progress === null || progress.total === 0 ? {} : { max: progress.total, value: progress.done })}
      />
    </div>
  );
}

function describe({ phase, done, total }: ModelProgress, { rate }: LibraryJob): string {
  const percent = total === 0 ? 0 : Math.floor((100 * done) / total);
  const parts = [PHASES[phase], `${formatBytes(done)} of ${formatBytes(total)}`, `${percent} %`];
  if (rate.perSecond > 0) parts.push(formatSpeed(rate.perSecond));
  if (rate.secondsLeft !== undefined && done < total) parts.push(`${formatDuration(rate.secondsLeft)} left`);
  return parts.join(' · ');
}
