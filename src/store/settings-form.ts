/** The settings as a person types them, and their parsing. Pure. */
import { DEFAULT_SETTINGS, MODE_SWITCHES } from '../protocol/turn.ts';
import type { SETTING_NAMES, SWITCH_NAMES } from '../protocol/setting-names.ts';
import type { ModelInfo } from '../protocol/engine-api.ts';
import type { Mode, TurnSettings } from '../protocol/turn.ts';

/** A field that is typed. */
export type NumberFieldName = keyof typeof SETTING_NAMES;

/** A field that is on or off. */
export type SwitchName = keyof typeof SWITCH_NAMES;

/** The switches, and the typed fields. An empty pixel budget stands for the model's own, an empty limit for none. */
export type SettingsForm = Readonly<Record<SwitchName, boolean> & Record<NumberFieldName, string>> & {
  /** The tool to offer; empty: the model's own. */
  readonly toolName: string;
};

/** Each field's limits, inclusive. The pixel limits are those of the model's image processor. */
export const FIELD_LIMITS = {
  pixelBudget: { min: 3136, max: 12_845_056 },
  minPixels: { min: 1, max: 12_845_056 },
  maxNewTokens: { min: 1, max: 8192 },
  maxRounds: { min: 1, max: 32 },
  maxImages: { min: 1, max: 64 },
  temperature: { min: 0, max: 2 },
  topP: { min: 0, max: 1 },
} as const satisfies Record<NumberFieldName, { min: number; max: number }>;

/** Fields that may be empty. */
const OPTIONAL: readonly NumberFieldName[] = ['pixelBudget', 'minPixels', 'maxRounds', 'maxImages'];

/** A number as JavaScript reads it, including `0.`, which is typed on the way to `0.5`. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A whole number whose thousands are set apart, all by the same sign. */
const THOUSANDS = /^[+-]?[1-9]\d{0,2}([.,'’_\s])\d{3}(\1\d{3})*$/;

/** The initial form. */
export const INITIAL_FORM: SettingsForm = {
  downsample: DEFAULT_SETTINGS.downsample,
  tool: DEFAULT_SETTINGS.tool,
  toolName: '',
  memory: false,
  dropOldestImages: DEFAULT_SETTINGS.dropOldestImages,
  pixelBudget: '',
  minPixels: '',
  maxNewTokens: String(DEFAULT_SETTINGS.maxNewTokens),
  maxRounds: '',
  maxImages: '',
  temperature: String(DEFAULT_SETTINGS.temperature),
  topP: String(DEFAULT_SETTINGS.topP),
};

/** The error of a field in one sentence; null for a valid one. */
export function fieldError(form: SettingsForm, field: NumberFieldName): string | null {
  const text = form[field].trim();
  if (OPTIONAL.includes(field) && text === '') return null;
  const { min, max } = FIELD_LIMITS[field];
  const range = `from ${min.toLocaleString('en')} to ${max.toLocaleString('en')}`;
  const isWhole = isWholeField(field);
  const value = numberOf(text, isWhole);
  const shown = text.length > 20 ? `${text.slice(0, 20)}…` : text;
  if (text === '') return `Enter a ${isWhole ? 'whole ' : ''}number ${range}.`;
  if (value === null || (isWhole && !Number.isInteger(value))) {
    return `“${shown}” is not a ${isWhole ? 'whole ' : ''}number; enter one ${range}.`;
  }
  if (value < min || value > max) return `${shown} is out of range; enter a number ${range}.`;
  return null;
}

/** The settings the form stands for, or null while a field is wrong. */
export function settingsOf(form: SettingsForm): TurnSettings | null {
  const fields = Object.keys(FIELD_LIMITS) as NumberFieldName[];
  if (fields.some((field) => fieldError(form, field) !== null)) return null;
  const valueOf = (field: NumberFieldName): number | null => numberOf(form[field].trim(), isWholeField(field));
  return {
    downsample: form.downsample,
    tool: form.tool,
    ...(form.toolName === '' ? {} : { toolName: form.toolName }),
    pixelBudget: valueOf('pixelBudget'),
    minPixels: valueOf('minPixels'),
    maxNewTokens: valueOf('maxNewTokens') ?? DEFAULT_SETTINGS.maxNewTokens,
    maxRounds: valueOf('maxRounds'),
    maxImages: valueOf('maxImages'),
    temperature: valueOf('temperature') ?? DEFAULT_SETTINGS.temperature,
    topP: valueOf('topP') ?? DEFAULT_SETTINGS.topP,
    dropOldestImages: form.dropOldestImages,
  };
}

/** The modes a model has: without a tool, smart would be half. */
export function modesOf({ tool }: Pick<ModelInfo, 'tool'>): readonly Mode[] {
  return tool !== null ? ['smart', 'half', 'full'] : ['half', 'full'];
}

/**
 * The switches for a model that has just been loaded: a model without a tool is asked at full resolution, as it was trained,
 * and a model with one starts in smart mode if the previous model had no tool and so left it off.
 */
export function fittingSwitches(
  { downsample, tool }: Pick<SettingsForm, 'downsample' | 'tool'>,
  model: Pick<ModelInfo, 'tool'>,
  hadTool = true,
): Pick<SettingsForm, 'downsample' | 'tool'> {
  if (model.tool === null) return tool ? MODE_SWITCHES.full : { downsample, tool };
  return hadTool ? { downsample, tool } : MODE_SWITCHES.smart;
}

/** The mode the switches stand for; `custom` for the combination that has no shorthand. */
export function modeOf(switches: Pick<TurnSettings, 'downsample' | 'tool'>): Mode | 'custom' {
  const modes: readonly Mode[] = ['smart', 'half', 'full'];
  const isMatch = (mode: Mode): boolean =>
    MODE_SWITCHES[mode].downsample === switches.downsample && MODE_SWITCHES[mode].tool === switches.tool;
  return modes.find(isMatch) ?? 'custom';
}

function isWholeField(field: NumberFieldName): boolean {
  return field !== 'temperature' && field !== 'topP';
}

/** Parses a number in the notation of any country: `.5`, `0,5`, `1e0`, and where whole numbers are asked for `614,656` or `614 656`. */
function numberOf(text: string, isWhole: boolean): number | null {
  const whole = THOUSANDS.test(text) ? text.replaceAll(/[^\d+-]/g, '') : text;
  const plain = isWhole ? whole : text.replace(',', '.');
  return NUMBER.test(plain) ? Number(plain) : null;
}
