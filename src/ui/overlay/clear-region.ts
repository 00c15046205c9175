/** Clears the drawn region without losing the keyboard's place: the button that selects one gets the focus. */

/** The id of the button. */
export const REGION_BUTTON = 'region-button';

/** Clears the region. */
export function clearRegion(setRegion: (region: null) => void): void {
  document.getElementById(REGION_BUTTON)?.focus();
  setRegion(null);
}
