import { describe, expect, it } from 'vitest';
import { hubOriginOf, urlOriginOf } from '../../src/store/typed-origin.ts';

const hubOf = (id: string, revision = '', mirror = '') => hubOriginOf({ id, revision, mirror });

describe('a model of a hub', () => {
  it.each([
    ['someone/tiny-vl', 'someone/tiny-vl'],
    [' someone/tiny-vl/ ', 'someone/tiny-vl'],
    ['some.one/tiny.vl', 'some.one/tiny.vl'],
    ['https://huggingface.co/someone/tiny-vl', 'someone/tiny-vl'],
    ['https://huggingface.co/someone/tiny-vl?library=transformers#usage', 'someone/tiny-vl'],
    ['huggingface.co/someone/tiny-vl', 'someone/tiny-vl'],
    ['www.huggingface.co/someone/tiny-vl/', 'someone/tiny-vl'],
    ['https://hf.co/someone/tiny-vl', 'someone/tiny-vl'],
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
    ['https://hf-mirror.com/someone/tiny-vl', 'https://hf-mirror.com'],
    ['hf-mirror.com/someone/tiny-vl/tree/main', 'https://hf-mirror.com'],
    ['localhost:8080/someone/tiny-vl', 'http://localhost:8080'],
    ['https://huggingface.co.example/someone/tiny-vl', 'https://huggingface.co.example'],
  ])('"%s" is at the mirror %s', (text, endpoint) => {
    expect(hubOf(text)).toEqual({ kind: 'hub', id: 'someone/tiny-vl', endpoint });
    const typed = { kind: 'hub', id: 'someone/tiny-vl', endpoint: 'https://other.example' };
    expect(hubOf(text, '', 'other.example')).toEqual(typed);
  });

  it.each([
    'https://huggingface.co/someone/tiny-vl/discussions/v2',
    'someone/tiny-vl/tree',
    'someone/tiny-vl/tree/main',
  ])('"%s" is at no revision of its own', (text) =>
    expect(hubOf(text)).toEqual({ kind: 'hub', id: 'someone/tiny-vl' }),
  );

  it('comes from a mirror, unless its URL is invalid', () => {
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
