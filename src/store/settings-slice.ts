/** The question and the settings it will be asked with. */
import { MODE_SWITCHES } from '../protocol/turn.ts';
import type { SettingsSlice } from './app-state.ts';
import { INITIAL_FORM } from './settings-form.ts';
import type { SettingsForm } from './settings-form.ts';
import type { SliceOf } from './engine-session.ts';

/** The question's and the settings' slice. `linked`: settings of the page's address. */
export function settingsSlice(linked: Partial<SettingsForm> = {}): SliceOf<SettingsSlice> {
  return (set, get) => {
    const change = (part: Partial<SettingsForm>): void => set({ form: { ...get().form, ...part } });
    return {
      question: '',
      form: { ...INITIAL_FORM, ...linked },
      setQuestion: (question) => set({ question }),
      setMode: (mode) => change(MODE_SWITCHES[mode]),
      setSwitch: (name, on) => change({ [name]: on }),
      setTool: (toolName) => change({ toolName, ...(toolName === '' ? {} : { tool: true }) }),
      setField: (field, text) => change({ [field]: text }),
    };
  };
}
