/** The scripted backend as a third one of the app: everything a contributor of one writes beside the backend itself. */
import type { BackendHost } from '../../src/backends/backend-host.ts';
import { cpuVariant } from '../../src/model/manifest.ts';
import { type Script, ScriptedBackend } from './scripted-backend.ts';

/** What it is chosen by. */
export const SCRIPTED_OPTION = { id: 'scripted', label: 'A script', device: 'cpu' } as const;

/** A host whose models follow a script; `never`: it finds no way to run them. */
export function scriptedHost(script: Script, never = false): BackendHost {
  return {
    options: [SCRIPTED_OPTION],
    async plan({ manifest }) {
      const variant = cpuVariant(manifest);
      if (never || variant === undefined) return { candidates: [], reasons: ['The script is lost.'] };
      const info = {
        backend: SCRIPTED_OPTION.id,
        title: SCRIPTED_OPTION.label,
        summary: 'scripted',
        kernels: "the script's",
        build: null,
        activations: 'f32',
        threads: 1,
        adapter: '',
      } as const;
      const candidate = {
        info,
        place: 'cpu' as const,
        variant,
        notes: ['It was written beforehand.'],
        label: 'a script',
        open: async () => ({
          backend: new ScriptedBackend({ vocabSize: 4096, script }),
          failure: new Promise<string>(() => undefined),
        }),
      };
      return { candidates: [candidate], reasons: [] };
    },
  };
}
