/** The kernels page: every kernel against its scalar reference, and how fast its variants are on this adapter. */
import type { ReactElement } from 'react';
import { useStore } from 'zustand';
import type { KernelsStore } from '../../store/kernels-store.ts';
import { ToolPageHeader } from '../tool-page-header.tsx';
import { CaseResults } from './case-results.tsx';
import { VariantTimes } from './variant-times.tsx';

/** The whole page. */
export function KernelsPage({ store }: { readonly store: KernelsStore }): ReactElement {
  const { adapter, cases, variants, running, error, runCases, timeVariants } = useStore(store);
  return (
    <div className="page">
      <ToolPageHeader
        name="Kernels"
        claim="Every WebGPU kernel of this app, checked and timed on your graphics card."
      />
      <main className="kernels">
        <p className="kernels__adapter">
          {adapter === null ? 'The graphics card is opened by the first run.' : adapter.description}
          {adapter !== null && <span className="results-table__note">{adapter.features.join(', ')}</span>}
        </p>
        {error !== null && (
          <p className="message message--error" role="alert">
            {error}
          </p>
        )}
        <div className="columns">
          <CaseResults cases={cases} isRunning={running === 'cases'} isBusy={running !== null} run={runCases} />
          <VariantTimes
            variants={variants}
            isRunning={running === 'variants'}
            isBusy={running !== null}
            run={timeVariants}
          />
        </div>
      </main>
    </div>
  );
}
