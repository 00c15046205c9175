/** Settings in the page's address, under the names that the command line gives them: `?max-rounds=3&memory=on`. */
import { SETTING_NAMES, SWITCH_NAMES } from '../protocol/setting-names.ts';
import { MODE_SWITCHES } from '../protocol/turn.ts';
import type { SettingsForm } from './settings-form.ts';

/** The part of the form that the address sets. A number that is not valid shows as typed, with what is wrong; other words are ignored. */
export function settingsFrom(search: URLSearchParams): Partial<SettingsForm> {
  const mode = search.get('mode');
  const form: { -readonly [Name in keyof SettingsForm]?: SettingsForm[Name] } =
    mode === 'smart' || mode === 'half' || mode === 'full' ? { ...MODE_SWITCHES[mode] } : {};
  for (const [field, name] of typedEntries(SETTING_NAMES)) {
    const text = search.get(name);
    if (text !== null) form[field] = text.slice(0, 100);
  }
  for (const [field, name] of typedEntries(SWITCH_NAMES)) {
    const text = search.get(name);
    if (text === 'on' || text === 'off') form[field] = text === 'on';
  }
  return form;
}

/** The entries of an object whose keys are exactly those of its type. */
function typedEntries<Names extends Readonly<Record<string, string>>>(names: Names): [keyof Names & string, string][] {
  return Object.entries(names) as [keyof Names & string, string][];
}
