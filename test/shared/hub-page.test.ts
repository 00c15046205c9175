import { describe, expect, it } from 'vitest';
import { addressOf, isHubId, parseHubPage } from '../../src/shared/hub-page.ts';

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

describe('isHubId', () => {
  it.each(['Senqiao/VisionThink-Efficient', 'some.one/tiny.vl', 'a/b'])('of "%s" is true', (text) =>
    expect(isHubId(text)).toBe(true),
  );

  it.each(['Qwen', './a/b', '../a', 'a/b/c', '/a/b', 'a b/c', 'a/b.', 'https://huggingface.co/a/b', ''])(
    'of "%s" is false',
    (text) => expect(isHubId(text)).toBe(false),
  );
});

describe('parseHubPage', () => {
  it.each([
    ['someone/tiny-vl', { id: 'someone/tiny-vl' }],
    ['https://huggingface.co/someone/tiny-vl', { id: 'someone/tiny-vl' }],
    ['https://huggingface.co/someone/tiny-vl/tree/v2', { id: 'someone/tiny-vl', revision: 'v2' }],
    ['https://hf-mirror.com/someone/tiny-vl', { id: 'someone/tiny-vl', endpoint: 'https://hf-mirror.com' }],
    ['https://hf-mirror.com/', { id: 'https://hf-mirror.com/' }],
    ['someone', { id: 'someone' }],
  ])('of "%s" is %o', (text, page) => expect(parseHubPage(text)).toEqual(page));
});
