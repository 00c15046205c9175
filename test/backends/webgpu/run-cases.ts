/**
 * Runs kernel cases through Dawn on the driver that the environment names: `run-cases.ts OUT [PART OF A NAME]`. A process of its own,
 * because Vulkan's loader reads its variables when a process starts. Writes a JSON file: the adapter, and a line for each case.
 */
import { writeFileSync } from 'node:fs';
import { kernelCases } from '../../../src/backends/webgpu/cases/all-cases.ts';
import { type CaseOutcome, factsOf, runCases } from '../../../src/backends/webgpu/cases/run-case.ts';
import { Compiler } from '../../../src/backends/webgpu/gpu/compiler.ts';
import { openDawn } from '../../../src/backends/webgpu/node/dawn.ts';

const [out = '', part = ''] = process.argv.slice(2);
const { device, probe } = await openDawn();
const compiler = new Compiler(device);
const outcomes: CaseOutcome[] = [];
const cases = kernelCases().filter(({ name }) => name.includes(part));
await runCases(compiler, cases, (outcome) => outcomes.push(outcome));
const lines = outcomes.map((one) => ({ ...one, error: String(one.error), outputs: one.outputs.map((each) => [...each]) }));
writeFileSync(out, JSON.stringify({ adapter: probe.description, facts: factsOf(compiler), outcomes: lines }));
device.destroy();
