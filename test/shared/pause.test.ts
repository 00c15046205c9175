import { describe, expect, it, vi } from 'vitest';
import { pause } from '../../src/shared/pause.ts';

describe('a pause', () => {
  it('ends after its time', async () => {
    const start = performance.now();
    await pause(30);
    expect(performance.now() - start).toBeGreaterThan(28);
  });

  it('ends as soon as the signal fires, even if it has already fired', async () => {
    vi.useFakeTimers();
    try {
      const stop = new AbortController();
      const pausing = pause(1e6, stop.signal);
      stop.abort();
      await pausing;
      await pause(1e6, stop.signal);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
