/** `convert` with a hub's id, as a person starts it, against a hub on this machine. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { JOURNAL_FILE } from '../../src/converter/journal.ts';
import { startCli } from '../helpers/cli.ts';
import { HubServer } from '../helpers/hub-server.ts';
import { tinyCheckpoint } from '../helpers/tiny-model.ts';

const ID = 'someone/VisionThink-General';
const DIRECTORY = tinyCheckpoint('flat-f16-sharded');
const work = mkdtempSync(join(tmpdir(), 'visionthink-cli-hub-'));
let server: HubServer;

beforeAll(async () => {
  server = await HubServer.start();
});
afterAll(async () => {
  await server.stop();
  rmSync(work, { recursive: true });
});
beforeEach(() => {
  server.repositories.clear();
  server.fault = () => undefined;
  server.commit(ID, new Map(readdirSync(DIRECTORY).map((path) => [path, readFileSync(join(DIRECTORY, path))])));
});

function convert(out: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const words = [ID, join(work, out), '--endpoint', server.endpoint, '--json', ...args];
  return startCli('convert', words, { HF_TOKEN: '', ...env });
}

function contents(out: string): Record<string, string> {
  const directory = join(work, out);
  return Object.fromEntries(
    readdirSync(directory).map((path) => [path, readFileSync(join(directory, path)).toString('base64')]),
  );
}

describe('convert from a hub', () => {
  it('writes a folder that names its origin, and reports progress', async () => {
    const { code, json, stderr } = await convert('public').ended;
    expect([code, json]).toMatchObject([0, { name: 'VisionThink-General', dtype: 'q4f16' }]);
    const commit = server.repositories.get(ID)?.revisions.get('main');
    expect(stderr).toContain(`${ID} at commit ${commit}`);
    expect(stderr).toMatch(/100 % {2}weights .* GB .*MB\/s/);
    const manifest = JSON.parse(readFileSync(join(work, 'public/manifest.json'), 'utf8')) as { source: string };
    expect(manifest.source).toBe(`${ID}@${commit}`);
  });

  it('takes the token of a gated repository from HF_TOKEN alone', async () => {
    Object.assign(server.repositories.get(ID) ?? {}, { token: 'hf_secret', gated: true });
    const without = await convert('gated').ended;
    expect(without.json).toMatchObject({
      error: { name: 'HubError', message: expect.stringContaining('HF_TOKEN set to it') },
    });
    expect(existsSync(join(work, 'gated'))).toBe(false);
    const { code, stdout, stderr } = await convert('gated', [], { HF_TOKEN: 'hf_secret' }).ended;
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain('hf_secret');
  });

  it('locks its folder; stopped with Ctrl+C, says that it can be resumed, and resumes', async () => {
    server.fault = ({ server: from, path, range }) =>
      from === 'storage' && path.includes('00002-of') && range !== 'bytes=0-7'
        ? { kind: 'slow', rate: 20_000 }
        : undefined;
    const { child, ended } = convert('stopped');
    const journal = join(work, 'stopped', JOURNAL_FILE);
    const tensors = () => (existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length - 2 : 0);
    await expect.poll(tensors, { timeout: 300_000 }).toBeGreaterThan(3);
    const second = await convert('stopped').ended;
    expect(second.json).toMatchObject({
      error: { name: 'StorageError', message: expect.stringContaining(`process ${child.pid}`) },
    });
    child.kill('SIGINT');
    expect((await ended).json).toMatchObject({
      error: { name: 'StoppedError', message: expect.stringContaining('convert again to resume') },
    });
    expect(existsSync(join(work, 'stopped/manifest.json'))).toBe(false);
    server.fault = () => undefined;
    expect((await convert('stopped').ended).code).toBe(0);
    expect((await convert('whole').ended).code).toBe(0);
    expect(contents('stopped')).toEqual(contents('whole'));
  });

  it("accepts a page's address, at its revision; a mirror's only where the mirror is named", async () => {
    const from = (page: string, out: string, args: readonly string[]) =>
      startCli('convert', [page, join(work, out), '--json', ...args], { HF_TOKEN: 'hf_secret' }).ended;
    const page = `${server.endpoint}/${ID}/tree/v9`;
    const unnamed = await from(page, 'page', []);
    const says = expect.stringContaining(`Name its mirror: --endpoint ${server.endpoint}.`);
    expect(unnamed.json).toMatchObject({ error: { name: 'UsageError', message: says } });
    const named = await from(page, 'page', ['--endpoint', server.endpoint]);
    expect(named.json).toMatchObject({ error: { name: 'HubError', message: expect.stringContaining('v9') } });
    expect(existsSync(join(work, 'page'))).toBe(false);
  });

  it('refuses a revision that is not there, and options that make no sense for a folder', async () => {
    const wrong = await convert('wrong', ['--revision', 'v9']).ended;
    expect(wrong.json).toMatchObject({
      error: { name: 'HubError', message: expect.stringContaining('no revision "v9"') },
    });
    const local = await startCli('convert', [DIRECTORY, join(work, 'local'), '--revision', 'main', '--json']).ended;
    expect(local.json).toMatchObject({ error: { name: 'UsageError' } });
    const neither = await startCli('convert', ['neither', join(work, 'local'), '--json']).ended;
    expect(neither.json).toMatchObject({
      error: { name: 'UsageError', message: expect.stringContaining('owner/name') },
    });
  });
});
