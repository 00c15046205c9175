/** The region of the picture that a person has drawn, and how a question shows it. No link and no setting keeps it. */
import type { AskedRegion } from '../protocol/chat.ts';
import type { RegionSlice } from './app-state.ts';
import type { SliceOf } from './engine-session.ts';

/** The region's slice. */
export function regionSlice(): SliceOf<RegionSlice> {
  return (set) => ({
    region: null,
    besideWhole: false,
    setRegion: (region) => set({ region }),
    setBesideWhole: (besideWhole) => set({ besideWhole }),
  });
}

/** What a question asked now is about; null: all of the picture. */
export function partAsked({ region, besideWhole }: Pick<RegionSlice, 'region' | 'besideWhole'>): AskedRegion | null {
  return region === null ? null : { region, besideWhole };
}
