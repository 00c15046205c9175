/** Views by request: made once, dropped when the budget changes, and a bounded number of cached regions. */
import { describe, expect, it } from 'vitest';
import type { ImageViews } from '../../src/conversation/image-views.ts';
import { fullOf, halfOf, type ImageRequest } from '../../src/shared/image-request.ts';
import { openScripted, picture, respond } from '../helpers/scripted-engine.ts';
import type { ScriptedBackend } from '../helpers/scripted-backend.ts';

const { signal } = new AbortController();

function open(): { views: ImageViews; backend: ScriptedBackend } {
  const { engine, backend } = openScripted({ script: respond('') });
  const views = engine.core.newViews();
  views.add(picture(112, 112));
  return { views, backend };
}

function column(left: number): ImageRequest {
  return { image: 0, region: { left, top: 0, width: 28, height: 112 }, scale: 1 };
}

const FREE = { pixelBudget: null, minPixels: null } as const;

describe('views', () => {
  it('are made once for each request', async () => {
    const { views, backend } = open();
    const requests = [halfOf(0), fullOf(0), column(0), column(1)];
    for (const request of [...requests, ...requests]) await views.view({ ...request }).encode(signal);
    expect(backend.runs).toHaveLength(4);
    expect(new Set(requests.map((request) => views.view(request).segment.serial)).size).toBe(4);
  });

  it('change with the pixel budget; an impossible budget keeps them', async () => {
    const { views } = open();
    const before = views.view(fullOf(0));
    views.setLimits(FREE);
    expect(views.view(fullOf(0))).toBe(before);
    views.setLimits({ ...FREE, pixelBudget: 56 * 56 });
    expect(views.view(fullOf(0)).size).toEqual({ width: 56, height: 56 });
    expect(views.view(fullOf(0)).segment.serial).not.toBe(before.segment.serial);
  });

  it('distinguish images, and refuse an unknown image', () => {
    const { views } = open();
    expect(views.add(picture(56, 84))).toBe(1);
    expect(views.view(fullOf(1)).size).toEqual({ width: 56, height: 84 });
    expect(views.plan(1, FREE)).toMatchObject({ width: 56, height: 84, fullTokens: 6 });
    expect(() => views.view(fullOf(2))).toThrow(/no image 2; the conversation has 2/);
    expect(() => views.add(picture(9000, 2))).toThrow(expect.objectContaining({ name: 'ImageShapeError' }));
  });

  it('of regions are freed except the most recently used; whole images stay', async () => {
    const { views, backend } = open();
    const requests = [halfOf(0), ...Array.from({ length: 20 }, (_, left) => column(left))];
    for (const request of requests) await views.view(request).encode(signal);
    await views.view(column(3)).encode(signal); // used again
    expect(backend.allocated.size).toBe(21);
    views.trim();
    await Promise.resolve();
    expect(backend.allocated.size).toBe(1 + 8);
    const { length } = backend.runs;
    for (const request of [halfOf(0), column(3), column(19)]) await views.view(request).encode(signal);
    expect(backend.runs).toHaveLength(length);
    await views.view(column(4)).encode(signal);
    expect(backend.runs).toHaveLength(length + 1);
    views.dispose();
    await Promise.resolve();
    expect(backend.allocated.size).toBe(0);
  });
});
