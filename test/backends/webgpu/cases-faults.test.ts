/**
 * The kernel cases catch wrong kernels: the case named for each planted fault must fail. Faults in kernels on subgroup matrices
 * need a card: without one they are planted, but not run.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { findSwiftShader } from '../../../scripts/chromium.mjs';
import { ensureLlvmpipe } from '../../../scripts/llvmpipe.mjs';
import { hasDawn, NO_DAWN, runScriptOn } from '../../helpers/dawn-run.ts';
import { kernelCases } from '../../../src/backends/webgpu/cases/all-cases.ts';
import type { DeviceTraits } from '../../../src/backends/webgpu/gpu/device-traits.ts';
import { PLANTED_FAULTS, withFault } from './planted-faults.ts';
import type { FaultReport } from './run-faults.ts';

const SCRIPT = new URL('run-faults.ts', import.meta.url);

/** A device that can run every case. */
const TRAITS: DeviceTraits = { hasF16: true, subgroupSize: 32, hasSubgroupMatrices: true, workgroupBytes: 65_536 };

const CASES = new Map(kernelCases().map((one) => [one.name, one]));

let reports: readonly FaultReport[];
let absent: string[] = [];

beforeAll(async () => {
  const drivers = [findSwiftShader(), await ensureLlvmpipe()];
  absent = drivers.filter((driver) => typeof driver === 'string');
  if (!hasDawn()) absent.push(NO_DAWN);
  const there = hasDawn() ? drivers.flatMap((driver) => (typeof driver === 'string' ? [] : [driver])) : [];
  reports = (await Promise.all(there.map((driver) => runScriptOn<FaultReport[]>(driver, SCRIPT)))).flat();
});

describe('a planted fault fails its case', () => {
  it.for(PLANTED_FAULTS)('$what: $caught', (fault, { skip }) => {
    const one = CASES.get(fault.caught);
    if (one === undefined) return expect.fail(`no case is called "${fault.caught}"`);
    withFault(fault, one.make(TRAITS).kernel); // throws where its WGSL has changed
    const mine = reports.filter(({ what }) => what === fault.what);
    const found = mine.filter(({ state }) => state !== 'not run');
    if (found.length === 0 && absent.length > 0) return skip(absent.join(' '));
    if (found.length === 0 && one.needs.subgroupMatrices === true) {
      return skip(`It needs a card: ${mine.map(({ detail }) => detail).join('; ')}.`);
    }
    expect(found.length, 'drivers that ran it').toBeGreaterThan(0);
    for (const { state, ran, detail } of found)
      expect({ state, ran, detail }).toMatchObject({ state: 'failed', ran: true });
  });
});
