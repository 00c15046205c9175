/** The kernel cases catch wrong kernels: the case named for each planted fault must fail. */
import { beforeAll, describe, expect, it } from 'vitest';
import { findSwiftShader } from '../../../scripts/chromium.mjs';
import { ensureLlvmpipe } from '../../../scripts/llvmpipe.mjs';
import { hasDawn, runScriptOn } from '../../helpers/cases-run.ts';
import { PLANTED_FAULTS } from './planted-faults.ts';
import type { FaultReport } from './run-faults.ts';

const SCRIPT = new URL('run-faults.ts', import.meta.url);

let reports: readonly FaultReport[];
let absent: string[] = [];

beforeAll(async () => {
  const drivers = [findSwiftShader(), await ensureLlvmpipe()];
  absent = drivers.filter((driver) => typeof driver === 'string');
  if (!hasDawn()) absent.push('The optional package "webgpu" (Dawn) is not installed.');
  const there = hasDawn() ? drivers.flatMap((driver) => (typeof driver === 'string' ? [] : [driver])) : [];
  reports = (await Promise.all(there.map((driver) => runScriptOn<FaultReport[]>(driver, SCRIPT)))).flat();
});

describe('a planted fault fails its case', () => {
  it.for(PLANTED_FAULTS)('$what: $caught', ({ what }, { skip }) => {
    const found = reports.filter((report) => report.what === what && report.state !== 'not run');
    if (found.length === 0 && absent.length > 0) return skip(absent.join(' '));
    expect(found.length, 'drivers that ran it').toBeGreaterThan(0);
    for (const { state, ran, detail } of found)
      expect({ state, ran, detail }).toMatchObject({ state: 'failed', ran: true });
  });
});
