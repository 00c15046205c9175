/** A theme chosen in another tab. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Theme } from '../../src/store/app-state.ts';
import { watchTheme } from '../../src/store/theme-slice.ts';

afterEach(() => vi.unstubAllGlobals());

describe('a theme chosen in another tab', () => {
  it('is reported until the listener is removed; other stored values are not', () => {
    const page = new EventTarget();
    let stored: string | null = 'dark';
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
    vi.stubGlobal('localStorage', { getItem: () => stored });
    const change = (key: string | null): boolean => page.dispatchEvent(Object.assign(new Event('storage'), { key }));

    const reported: (Theme | null)[] = [];
    const end = watchTheme((theme) => reported.push(theme));
    change('visionthink-theme');
    change('visionthink-model');
    stored = null;
    change(null);
    end();
    change('visionthink-theme');
    expect(reported).toEqual(['dark', null]);
  });
});
