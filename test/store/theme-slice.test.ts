/** The theme that another tab has chosen. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Theme } from '../../src/store/app-state.ts';
import { watchTheme } from '../../src/store/theme-slice.ts';

afterEach(() => vi.unstubAllGlobals());

describe('a theme chosen in another tab', () => {
  it('is told until nobody listens any more, and nothing else that is stored is', () => {
    const page = new EventTarget();
    let stored: string | null = 'dark';
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
    vi.stubGlobal('localStorage', { getItem: () => stored });
    const change = (key: string | null): boolean => page.dispatchEvent(Object.assign(new Event('storage'), { key }));

    const told: (Theme | null)[] = [];
    const end = watchTheme((theme) => told.push(theme));
    change('visionthink-theme');
    change('visionthink-model');
    stored = null;
    change(null);
    end();
    change('visionthink-theme');
    expect(told).toEqual(['dark', null]);
  });
});
