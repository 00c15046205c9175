/** The hub's client against a hub on this machine: listings, reads, and recovery from faults. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HubFolder, openHubFolder } from '../../../src/io/hub/hub-folder.ts';
import type { HubOptions } from '../../../src/io/hub/hub-options.ts';
import { type Fault, HubServer, type SeenRequest } from '../../helpers/hub-server.ts';

const ID = 'someone/A-model';
const PATIENCE = { stallMs: 15_000, firstWaitMs: 1, longestWaitMs: 10, attempts: 3 };
const large = randomBytes(300_000);
const small = Buffer.from('{"model_type": "qwen2_5_vl"}');

let server: HubServer;
let retries: string[] = [];
let arrived = 0;

beforeAll(async () => {
  server = await HubServer.start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.repositories.clear();
  server.seen.length = 0;
  server.fault = () => undefined;
  server.commit(
    ID,
    new Map([
      ['config.json', small],
      ['model.safetensors', large],
      ['a b/ü.txt', small],
    ]),
  );
  retries = [];
  arrived = 0;
});

function open(options: Partial<HubOptions> = {}, id = ID): Promise<HubFolder> {
  return openHubFolder(id, {
    fetch,
    endpoint: server.endpoint,
    patience: PATIENCE,
    onRetry: ({ why }) => retries.push(why),
    onBytes: (bytes) => (arrived += bytes),
    ...options,
  });
}

async function read(folder: HubFolder, first = 0, end = large.length): Promise<Buffer> {
  const blob = await folder.blob('model.safetensors');
  return Buffer.from((await blob?.slice(first, end).arrayBuffer()) ?? new ArrayBuffer(0));
}

/** Faults for the storage's next answers, one each. */
function faults(...list: Fault[]): void {
  server.fault = ({ server: from }) => (from === 'storage' ? list.shift() : undefined);
}

describe('a repository', () => {
  it('is listed at its commit, with sizes and hashes', async () => {
    const folder = await open();
    expect([folder.id, folder.name, folder.revision, folder.gated]).toEqual([ID, ID, 'main', false]);
    expect(folder.commit).toBe(server.repositories.get(ID)?.revisions.get('main'));
    expect(await folder.list()).toEqual(['config.json', 'model.safetensors', 'a b/ü.txt']);
    expect(await folder.announcedSha256?.('model.safetensors')).toMatch(/^[0-9a-f]{64}$/);
    expect(await folder.announcedSha256?.('config.json')).toBeUndefined();
    expect(await folder.version('config.json')).toMatch(/^[0-9a-f]{40}$/);
    expect(await folder.blob('other.json')).toBeUndefined();
  });

  it('serves files whole and by ranges, through redirects to another origin', async () => {
    const folder = await open();
    expect(await (await folder.blob('config.json'))?.text()).toBe(small.toString());
    expect(await (await folder.blob('a b/ü.txt'))?.text()).toBe(small.toString());
    expect((await read(folder, 1000, 250_000)).equals(large.subarray(1000, 250_000))).toBe(true);
    expect((await read(folder)).equals(large)).toBe(true);
    expect(await read(folder, 5, 5)).toHaveLength(0);
    expect(arrived).toBe(2 * small.length + 249_000 + large.length);
    const chunks: Uint8Array[] = [];
    const blob = await folder.blob('model.safetensors');
    for await (const chunk of blob?.slice(-100).stream() ?? []) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(large.subarray(-100))).toBe(true);
  });

  it('is read at the commit that was listed, whatever main becomes', async () => {
    const folder = await open();
    server.commit(ID, new Map([['config.json', Buffer.from('{}')]]));
    expect(await (await folder.blob('config.json'))?.text()).toBe(small.toString());
    expect((await open()).commit).not.toBe(folder.commit);
    const earlier = await open({ revision: folder.commit });
    expect([earlier.commit, (await earlier.list()).length]).toEqual([folder.commit, 3]);
  });

  it('is found by a branch with a slash', async () => {
    const commit = server.repositories.get(ID)?.revisions.get('main') ?? '';
    server.repositories.get(ID)?.revisions.set('refs/pr/1', commit);
    expect((await open({ revision: 'refs/pr/1' })).commit).toBe(commit);
  });

  it('receives the token when it is gated, but the storage never does', async () => {
    Object.assign(server.repositories.get(ID) ?? {}, { token: 'hf_secret', gated: true });
    const folder = await open({ token: 'hf_secret' });
    expect(folder.gated).toBe(true);
    expect((await read(folder)).equals(large)).toBe(true);
    const tokens = (from: SeenRequest['server']) => server.seen.filter((seen) => seen.server === from);
    expect(tokens('hub').every(({ authorization }) => authorization === 'Bearer hf_secret')).toBe(true);
    expect(tokens('storage').map(({ authorization }) => authorization)).toEqual([undefined]);
  });
});

describe('a connection', () => {
  it('that breaks is reopened, and resumes at the byte where it broke', async () => {
    const folder = await open();
    faults({ kind: 'cut', after: 100_000 }, { kind: 'cut', after: 50_000 }, { kind: 'short', by: 1 });
    expect((await read(folder)).equals(large)).toBe(true);
    const ranges = server.seen.filter((seen) => seen.server === 'storage').map(({ range }) => range);
    expect(ranges[0]).toBeUndefined();
    const starts = ranges.slice(1).map((range) => Number(/=(\d+)-299999$/.exec(range ?? '')?.[1]));
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    expect(starts.at(-1)).toBe(299_999);
    expect(arrived).toBe(large.length); // no byte twice
  });

  it('that brings bytes is retried, however often it breaks', async () => {
    const folder = await open();
    faults(...Array.from({ length: 12 }, () => ({ kind: 'cut', after: 20_000 }) as const));
    expect((await read(folder)).equals(large)).toBe(true);
    expect(retries.length).toBe(12);
  });

  it('that stalls is cut and reopened', async () => {
    const folder = await open({ patience: { ...PATIENCE, stallMs: 150 } });
    faults({ kind: 'stall', after: 100_000 });
    expect((await read(folder)).equals(large)).toBe(true);
    expect(retries[0]).toContain('nothing came for 0.15 seconds');
  });

  it('that is slow is waited for', async () => {
    const folder = await open();
    faults({ kind: 'slow', rate: 1_000_000 });
    expect((await read(folder)).equals(large)).toBe(true);
    expect(retries).toEqual([]);
  });

  it.each([429, 500, 502, 503, 504, 408])('answered with %i is tried again', async (status) => {
    const folder = await open();
    faults({ kind: 'status', status }, { kind: 'status', status });
    expect((await read(folder)).equals(large)).toBe(true);
    expect(retries).toHaveLength(2);
  });

  it('waits as long as the server requests', async () => {
    const folder = await open();
    faults({ kind: 'status', status: 429, headers: { 'retry-after': '1' } });
    const started = performance.now();
    expect((await read(folder)).equals(large)).toBe(true);
    expect(performance.now() - started).toBeGreaterThan(1000);
  });

  it('that fails permanently ends with an error that says what to do', async () => {
    const folder = await open();
    server.fault = () => ({ kind: 'status', status: 503 });
    await expect(read(folder)).rejects.toMatchObject({
      name: 'HubError',
      message: expect.stringMatching(/503.*do the same again/),
    });
    expect(retries).toHaveLength(2);
    server.fault = () => ({ kind: 'status', status: 429, headers: { 'retry-after': '4000' } });
    await expect(read(folder)).rejects.toMatchObject({ name: 'HubError', message: expect.stringMatching(/429/) });
    expect(retries).toHaveLength(2);
  });

  it('is abandoned at once when it is stopped', async () => {
    const stop = new AbortController();
    const folder = await open({ signal: stop.signal });
    faults({ kind: 'stall', after: 10 });
    const reading = read(folder);
    setTimeout(() => stop.abort(), 50);
    await expect(reading).rejects.toMatchObject({ name: 'StoppedError' });
  });

  it('to an unreachable host says that there is no network', async () => {
    const gone = await HubServer.start();
    const { endpoint } = gone;
    await gone.stop();
    await expect(open({ endpoint })).rejects.toMatchObject({
      name: 'HubError',
      message: expect.stringMatching(/could not be reached.*Check the connection/),
    });
    await expect(open({ endpoint: 'ftp://x' })).rejects.toMatchObject({ name: 'HubError' });
  });
});

describe('a file that differs from its listing', () => {
  it.each<[string, Fault[], RegExp]>([
    [
      'changed between two requests',
      [
        { kind: 'cut', after: 1000 },
        { kind: 'etag', etag: '"other"' },
      ],
      /ETag/,
    ],
    ['refused as too short', [{ kind: 'status', status: 416 }], /shorter than the 300000 bytes/],
    ['sent whole where a part was asked for', [{ kind: 'no ranges' }], /^$/],
  ])('%s', async (_, list, says) => {
    const folder = await open();
    faults(...list);
    if (says.source === '^$') expect((await read(folder, 100, 200)).equals(large.subarray(100, 200))).toBe(true);
    else await expect(read(folder)).rejects.toMatchObject({ name: 'HubError', message: expect.stringMatching(says) });
  });

  it('is longer, or shorter, or gone', async () => {
    const folder = await open();
    const files = server.repositories.get(ID)?.commits.get(folder.commit) as Map<string, Buffer>;
    for (const content of [Buffer.concat([large, large]), large.subarray(0, 200_000)]) {
      files.set('model.safetensors', content);
      for (const [first, end] of [
        [0, 300_000],
        [10, 299_000],
      ] as const) {
        await expect(read(folder, first, end)).rejects.toMatchObject({
          name: 'HubError',
          message: expect.stringContaining('listed'),
        });
      }
    }
    files.delete('model.safetensors');
    await expect(read(folder)).rejects.toMatchObject({
      name: 'HubError',
      message: expect.stringContaining('does not have it'),
    });
  });
});

describe('an unavailable repository', () => {
  const cases: [string, () => Promise<unknown>, RegExp][] = [
    ['of a wrong id', () => open({}, 'someone/else'), /no model "someone\/else".*Check the spelling/],
    [
      'of a wrong id, with a token',
      () => open({ token: 'x' }, 'someone/else'),
      /no model "someone\/else".*the token may not/,
    ],
    ['of an invalid id', () => open({}, 'else'), /owner\/name/],
    ['at a wrong revision', () => open({ revision: 'v9' }), /no revision "v9"/],
    [
      'from a server that is not a hub',
      async () => {
        server.fault = () => ({ kind: 'status', status: 200 });
        return open();
      },
      /does not answer like a hub/,
    ],
    [
      'gated, without a token',
      async () => {
        Object.assign(server.repositories.get(ID) ?? {}, { token: 'hf_secret', gated: true });
        return read(await open());
      },
      /Accept its licence .*HF_TOKEN/,
    ],
    [
      'gated, with a token that may not',
      async () => {
        Object.assign(server.repositories.get(ID) ?? {}, { token: 'hf_secret', gated: true });
        return read(await open({ token: 'other' }));
      },
      /token of HF_TOKEN does not open it/,
    ],
  ];
  it.each(cases)('%s', async (_, attempt, says) => {
    await expect(attempt()).rejects.toMatchObject({ name: 'HubError', message: expect.stringMatching(says) });
    expect(retries).toEqual([]);
  });
});
