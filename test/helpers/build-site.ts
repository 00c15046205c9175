/** Builds the site before the first test file that opens it, so that no two files build at once. */
import { buildWhenStale } from '../../scripts/build.mjs';

/** Vitest calls it. */
export const setup = buildWhenStale;
