/**
 * Conversions that are killed (SIGKILL) at random points and resumed. `npm run check:resume` kills a hundred; without
 * a number, as a part of the tests, a few.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JOURNAL_FILE } from '../../src/converter/journal.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import { openModelFolder } from '../../src/architectures/model-folder.ts';
import { readManifest } from '../../src/model/read-manifest.ts';
import { BUILT_CLI } from '../helpers/build-cli.ts';
import { HubServer } from '../helpers/hub-server.ts';
import { tinyCheckpoint } from '../helpers/tiny-model.ts';

const KILLS = Number(process.env['RESUME_KILLS'] ?? 6);
const CHILD = `${BUILT_CLI}convert-child.mjs`;
const CHECKPOINT = 'flat-f16-sharded';
const ID = 'someone/tiny';

let server: HubServer;
const work = mkdtempSync(join(tmpdir(), 'visionthink-resume-'));

beforeAll(async () => {
  server = await HubServer.start();
  const directory = tinyCheckpoint(CHECKPOINT);
  server.commit(ID, new Map(readdirSync(directory).map((path) => [path, readFileSync(join(directory, path))])));
});
afterAll(async () => {
  await server.stop();
  rmSync(work, { recursive: true });
});

/** The output of a child. */
interface Run {
  readonly lines: readonly string[];
  readonly ended: 'killed' | 'finished';
}

/** Converts in a child, which is killed `laterMs` after its line number `killAt`. */
function convert(args: readonly string[], killAt = Infinity, laterMs = 0): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    createInterface(child.stdout).on('line', (line) => {
      lines.push(line);
      if (lines.length === killAt) setTimeout(() => child.kill('SIGKILL'), laterMs);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL' || code === 0) resolve({ lines, ended: code === 0 ? 'finished' : 'killed' });
      else reject(new Error(`the child ended with ${code}`));
    });
  });
}

function contents(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory).map((path) => [path, readFileSync(join(directory, path)).toString('base64')]),
  );
}

/** The tensors a run started with. */
function started({ lines }: Run): Set<string> {
  return new Set(lines.filter((line) => line.startsWith('weights')).map((line) => line.split(' ')[2] ?? ''));
}

/** Checks that a folder is whole or cannot be mistaken for a model. */
async function expectWholeOrNone(directory: string): Promise<void> {
  const folder = nodeFolder(directory);
  if (!existsSync(join(directory, 'manifest.json'))) {
    await expect(readManifest(folder)).rejects.toMatchObject({ name: 'ModelFolderError' });
    return;
  }
  await openModelFolder(folder, await readManifest(folder));
}

describe('a conversion that is killed again and again', { timeout: 600_000 + KILLS * 30_000 }, () => {
  it(`(${KILLS} times) ends with the same bytes, and repeats at most one tensor each time`, async () => {
    const setups = [
      [[tinyCheckpoint(CHECKPOINT)], 'q4f16'],
      [[ID], 'q8', server.endpoint],
      [[tinyCheckpoint(CHECKPOINT)], 'fp16'],
    ] as const;
    const whole = await Promise.all(
      setups.map(async ([[source], dtype, ...rest], i) => {
        const run = await convert([source, join(work, `whole-${i}`), dtype, ...rest]);
        return { events: run.lines.length, files: contents(join(work, `whole-${i}`)) };
      }),
    );
    let kills = 0;
    let mostRepeated = 0;
    let finished = 0;
    for (let serial = 0; kills < KILLS; serial++) {
      const setup = setups[serial % setups.length];
      const expected = whole[serial % setups.length];
      if (setup === undefined || expected === undefined) throw new Error('there are setups');
      const [[source], dtype, ...rest] = setup;
      const out = join(work, `killed-${serial}`);
      const known = new Set<string>();
      for (let ended: Run['ended'] = 'killed'; ended !== 'finished';) {
        const killAt = kills < KILLS ? 1 + Math.floor(Math.random() * expected.events) : Infinity;
        const run = await convert([source, out, dtype, ...rest], killAt, Math.random() * 4);
        ended = run.ended;
        if (ended === 'killed') kills++;
        if (existsSync(out)) await expectWholeOrNone(out);
        const tensors = started(run);
        mostRepeated = Math.max(mostRepeated, [...tensors].filter((name) => known.has(name)).length);
        for (const name of tensors) known.add(name);
      }
      finished++;
      expect(existsSync(join(out, JOURNAL_FILE))).toBe(false);
      expect(contents(out)).toEqual(expected.files);
      rmSync(out, { recursive: true });
    }
    expect(mostRepeated).toBeLessThanOrEqual(1);
    console.log(
      `${kills} kills, ${finished} folders finished, at most ${mostRepeated} tensor repeated, 0 wrong folders`,
    );
  });
});
