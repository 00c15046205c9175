import { describe, expect, it } from 'vitest';
import { addressOf, hubOriginOf, urlOriginOf } from '../../src/store/typed-origin.ts';

const hubOf = (id: string, revision = '', mirror = '') => hubOriginOf({ id, revision, mirror });

describe('an address that was typed', () => {
  it.each([
    ['hf-mirror.com', 'https://hf-mirror.com'],
    [' hf-mirror.com:8443/hub/ ', 'https://hf-mirror.com:8443/hub'],
    ['https://hf-mirror.com/', 'https://hf-mirror.com'],
    ['HTTP://hub.example', 'http://hub.example'],
    ['http://127.0.0.1:9', 'http://127.0.0.1:9'],
    ['127.0.0.1:9', 'http://127.0.0.1:9'],
    ['http://localhost:8080/', 'http://localhost:8080'],
    ['localhost:8080', 'http://localhost:8080'],
    ['localhost', 'http://localhost'],
    ['http://[::1]:80/', 'http://[::1]'],
    ['http://intranet/hub', 'http://intranet/hub'],
    ['localhost.example.org', 'https://localhost.example.org'],
  ])('"%s" is %s', (text, address) => expect(addressOf(text)).toBe(address));

  it.each([
    '',
    'mirror',
    'no address',
    'a.b c',
    'https://',
    'https:hf-mirror.com',
    'http//hf-mirror.com',
    'ftp://hf-mirror.com',
    'me@example.org',
    'hf-mirror.com:port',
    '/models/name',
  ])('"%s" is none', (text) => expect(addressOf(text)).toBeNull());
});

describe('a model of a hub', () => {
  it.each([
    ['someone/tiny-vl', 'someone/tiny-vl'],
    [' someone/tiny-vl/ ', 'someone/tiny-vl'],
    ['some.one/tiny.vl', 'some.one/tiny.vl'],
    ['https://huggingface.co/someone/tiny-vl', 'someone/tiny-vl'],
    ['https://huggingface.co/someone/tiny-vl?library=transformers#usage', 'someone/tiny-vl'],
    ['huggingface.co/someone/tiny-vl', 'someone/tiny-vl'],
    ['www.huggingface.co/someone/tiny-vl/', 'someone/tiny-vl'],
    ['localhost:8080/someone/tiny-vl', 'someone/tiny-vl'],
    ['https://huggingface.co/someone', 'someone'],
    ['no-id', 'no-id'],
    ['https://huggingface.co/', 'https://huggingface.co/'],
  ])('"%s" is %s', (text, id) => expect(hubOf(text)).toEqual({ kind: 'hub', id }));

  it.each([
    ['https://huggingface.co/someone/tiny-vl/tree/v2', 'v2'],
    ['huggingface.co/someone/tiny-vl/tree/v2/onnx?raw=true', 'v2'],
    ['someone/tiny-vl/tree/v2', 'v2'],
    ['https://huggingface.co/someone/tiny-vl/tree/refs%2Fpr%2F3', 'refs/pr/3'],
    ['https://huggingface.co/someone/tiny-vl/blob/v2/config.json', 'v2'],
    ['https://huggingface.co/someone/tiny-vl/commit/0123abc', '0123abc'],
  ])('"%s" is at %s', (text, revision) => {
    expect(hubOf(text)).toEqual({ kind: 'hub', id: 'someone/tiny-vl', revision });
    expect(hubOf(text, ' v9 ')).toEqual({ kind: 'hub', id: 'someone/tiny-vl', revision: 'v9' });
  });

  it.each([
    'https://huggingface.co/someone/tiny-vl/discussions/v2',
    'someone/tiny-vl/tree',
    'someone/tiny-vl/tree/main',
  ])('"%s" is at no revision of its own', (text) =>
    expect(hubOf(text)).toEqual({ kind: 'hub', id: 'someone/tiny-vl' }),
  );

  it('comes from a mirror, unless that is no address', () => {
    expect(hubOf('a/b', 'main', 'hf-mirror.com')).toEqual({
      kind: 'hub',
      id: 'a/b',
      endpoint: 'https://hf-mirror.com',
    });
    expect(hubOf('a/b', '', ' ')).toEqual({ kind: 'hub', id: 'a/b' });
    expect(hubOf('a/b', '', 'no address')).toBeNull();
  });
});

describe('a converted folder', () => {
  it.each([
    ['https://example.org/models/name', 'https://example.org/models/name/'],
    ['https://example.org/models/name/', 'https://example.org/models/name/'],
    ['https://example.org/models/name/manifest.json', 'https://example.org/models/name/'],
    ['example.org/models/name/manifest.json?download=true', 'https://example.org/models/name/'],
    ['https://example.org/manifest.json', 'https://example.org/'],
    ['https://example.org/my-manifest.json', 'https://example.org/my-manifest.json/'],
    ['localhost:5173/models/name/', 'http://localhost:5173/models/name/'],
    [' models/name ', 'models/name'],
  ])('"%s" is %s', (url, folder) => expect(urlOriginOf({ url })).toEqual({ kind: 'url', url: folder }));
});
