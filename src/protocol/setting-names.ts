/** What settings are called on the command line and in links: `--max-rounds 3`, `?max-rounds=3`. */

/** The settings that are numbers, by their fields of TurnSettings. */
export const SETTING_NAMES = {
  pixelBudget: 'max-pixels',
  minPixels: 'min-pixels',
  maxNewTokens: 'max-new-tokens',
  maxRounds: 'max-rounds',
  maxImages: 'max-images',
  temperature: 'temperature',
  topP: 'top-p',
} as const;

/** The settings that are on or off. `memory` is the page's: questions continue the conversation. */
export const SWITCH_NAMES = {
  downsample: 'downsample',
  tool: 'tool',
  memory: 'memory',
  dropOldestImages: 'drop-oldest-images',
} as const;
