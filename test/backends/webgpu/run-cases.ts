/**
 * Runs kernel cases through Dawn on the driver that the environment names: `run-cases.ts OUT [PART OF A NAME]`. A process of its
 * own, because Vulkan's loader reads its variables when a process starts. Writes a {@link CasesReport} as JSON.
 */
import { writeFileSync } from 'node:fs';
import { kernelCases } from '../../../src/backends/webgpu/cases/all-cases.ts';
import { type CaseOutcome, runCases } from '../../../src/backends/webgpu/cases/run-case.ts';
import { Compiler } from '../../../src/backends/webgpu/gpu/compiler.ts';
import { type DeviceTraits, traitsOf } from '../../../src/backends/webgpu/gpu/device-traits.ts';
import { openDawn } from '../../../src/backends/webgpu/node/dawn.ts';
import { QUICKER } from './quicker.ts';

/** The process's report. */
export interface CasesReport {
  readonly adapter: string;
  readonly traits: DeviceTraits;
  readonly outcomes: readonly WrittenOutcome[];
}

/** An outcome in JSON, which has neither Infinity nor typed arrays. */
export type WrittenOutcome = Omit<CaseOutcome, 'error' | 'outputs'> & {
  readonly error: string;
  /** Float32Array or Uint32Array, in base64. */
  readonly outputs: readonly string[];
};

const [out = '', part = ''] = process.argv.slice(2);
const { device, probe } = await openDawn({ toggles: QUICKER });
const compiler = new Compiler(device);
const outcomes: WrittenOutcome[] = [];
const cases = kernelCases().filter(({ name }) => name.includes(part));
await runCases(compiler, cases, (outcome) => {
  const outputs = outcome.outputs.map(({ buffer }) => Buffer.from(buffer).toString('base64'));
  outcomes.push({ ...outcome, error: String(outcome.error), outputs });
});
writeFileSync(
  out,
  JSON.stringify({ adapter: probe.description, traits: traitsOf(device), outcomes } satisfies CasesReport),
);
device.destroy();
