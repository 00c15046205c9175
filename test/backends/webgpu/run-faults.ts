/** Runs kernels with planted faults as run-cases.ts runs them without: `run-faults.ts OUT`. Writes an array of {@link FaultReport}. */
import { writeFileSync } from 'node:fs';
import { kernelCases } from '../../../src/backends/webgpu/cases/all-cases.ts';
import { type CaseOutcome, runCase } from '../../../src/backends/webgpu/cases/run-case.ts';
import { Compiler } from '../../../src/backends/webgpu/gpu/compiler.ts';
import { openDawn } from '../../../src/backends/webgpu/node/dawn.ts';
import { QUICKER } from './quicker.ts';
import { PLANTED_FAULTS, withFault } from './planted-faults.ts';

/** The outcome of a fault. */
export interface FaultReport {
  readonly what: string;
  readonly state: CaseOutcome['state'];
  /** Whether the kernel with the fault compiled and ran. */
  readonly ran: boolean;
  readonly detail: string;
}

const { device } = await openDawn({ toggles: QUICKER });
const compiler = new Compiler(device);
const cases = new Map(kernelCases().map((one) => [one.name, one]));
const reports: FaultReport[] = [];
for (const fault of PLANTED_FAULTS) {
  const one = cases.get(fault.caught);
  if (one === undefined) throw new Error(`no case is called "${fault.caught}"`);
  const { state, detail, outputs } = await runCase(compiler, one, (kernel) => withFault(fault, kernel));
  reports.push({ what: fault.what, state, detail, ran: outputs.length > 0 });
}
writeFileSync(process.argv[2] ?? '', JSON.stringify(reports));
device.destroy();
