/** The benchmark page: form, progress and results. */
import type { ReactElement } from 'react';
import { ToolPageHeader } from '../tool-page-header.tsx';
import { BenchForm } from './bench-form.tsx';
import { BenchResults } from './bench-results.tsx';

/** The whole page. */
export function BenchPage(): ReactElement {
  return (
    <div className="page">
      <ToolPageHeader
        name="Benchmark"
        claim="This app and unmodified transformers.js, on the same weights, on your machine."
      />
      <main className="columns">
        <BenchForm />
        <BenchResults />
      </main>
      <footer className="footer bench__footer">
        <p>
          <strong>How it measures.</strong> Each thing once to warm up, then the engines in turn. The ratio is the
          median over pairs measured one after the other.
        </p>
        <p>
          <strong>Random weights.</strong> Speed depends on tensor shapes alone, so larger models are generated on the
          spot: nothing is downloaded, and the answers mean nothing.
        </p>
        <p>
          <a className="link" href="./kernels.html">
            Check and time the WebGPU kernels
          </a>
        </p>
      </footer>
    </div>
  );
}
