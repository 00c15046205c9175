/** A third backend is chosen, runs and is reported, with no edit outside its folder except the registration. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { folderModel } from '../../src/architectures/registry.ts';
import { backendOption, backendOptions, planBackends, registerBackend } from '../../src/backends/registry.ts';
import { parseBackend } from '../../src/cli/backend-option.ts';
import { BUNDLED_MODEL } from '../../src/cli/bundled-model.ts';
import { openNodeModel } from '../../src/cli/node-engine.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import { MANIFEST_FILE } from '../../src/model/manifest.ts';
import { readManifest } from '../../src/model/read-manifest.ts';
import { DEFAULT_SETTINGS } from '../../src/protocol/turn.ts';
import { EngineHost } from '../../workers/engine-host.ts';
import type { Script } from '../helpers/scripted-backend.ts';
import { SCRIPTED_OPTION, scriptedHost } from '../helpers/scripted-host.ts';
import { picture } from '../helpers/scripted-engine.ts';

const manifest = await readManifest(nodeFolder(BUNDLED_MODEL));
const [END = -1] = folderModel(manifest).config.tokens.eosTokenIds;

/** Ends every response at once. */
const SILENT: Script = { next: () => END };

beforeAll(() => {
  registerBackend('scripted', scriptedHost(SILENT));
});

describe('a third backend', () => {
  it('is among the choices, of the command line, too', () => {
    expect(backendOptions().map(({ id }) => id)).toEqual(['webgpu', 'cpu', 'scripted']);
    expect(backendOption('scripted')).toEqual(SCRIPTED_OPTION);
    expect(parseBackend('scripted')).toBe('scripted');
    expect(() => parseBackend('abacus')).toThrow('use auto, webgpu, cpu, scripted.');
  });

  it('answers on the command line', async () => {
    const { engine, run } = await openNodeModel({ directory: BUNDLED_MODEL, backend: 'scripted' });
    await engine.setImage(picture(56, 56));
    const { finishReason, rounds } = await run(() => engine.ask('Why?', DEFAULT_SETTINGS, () => undefined));
    expect([finishReason, rounds[0]?.tokenIds]).toEqual(['stop', [END]]);
    await engine.dispose();
  });

  it("answers in the page's worker, which lists it and says why it runs", async () => {
    const files = [MANIFEST_FILE, ...manifest.files.map(({ path }) => path)].map((path) => ({
      path,
      blob: new Blob([readFileSync(`${BUNDLED_MODEL}/${path}`)]),
    }));
    const host = new EngineHost();
    expect(await host.backends()).toContainEqual(SCRIPTED_OPTION);
    const info = await host.load({ kind: 'files', name: 'nano', files }, 'scripted', () => undefined);
    expect(info.backend).toMatchObject({
      backend: 'scripted',
      title: 'A script',
      implementation: 'scripted',
      reasons: ['It was written beforehand.', 'Running on a script.'],
    });
    await host.run((engine) => engine.setImage(picture(56, 56)));
    expect(await host.ask('Why?', DEFAULT_SETTINGS, () => undefined)).toMatchObject({ finishReason: 'stop' });
  });
});

describe('the choice of a backend', () => {
  const namesOf = async (options: Partial<Parameters<typeof planBackends>[0]>): Promise<readonly string[]> => {
    const plan = await planBackends({ manifest, directory: BUNDLED_MODEL, choice: 'auto', ...options });
    return plan.candidates.map(({ implementation }) => implementation);
  };

  it('tries only those that serve what was chosen', async () => {
    expect(await namesOf({ choice: 'cpu' })).toEqual(['onnx']);
    expect(await namesOf({ choice: 'scripted' })).toEqual(['scripted']);
  });

  it('tries none before the one that is named', async () => {
    expect(await namesOf({ kernels: 'onnx' })).toEqual(['onnx', 'scripted']);
    expect(await namesOf({ kernels: 'scripted' })).toEqual(['scripted']);
    await expect(namesOf({ kernels: 'theirs' })).rejects.toThrow(
      'There are no kernels "theirs"; use ours, onnx, scripted.',
    );
  });

  it('takes an unknown choice for none, and says so', async () => {
    const { reasons } = await planBackends({ manifest, choice: 'abacus', kernels: 'scripted' });
    expect(reasons).toEqual(['There is no backend "abacus" here.']);
  });

  it('ends with the reasons where nothing runs, and with what else there is', async () => {
    registerBackend('scripted', scriptedHost(SILENT, true));
    await expect(namesOf({ choice: 'scripted' })).rejects.toThrow(
      /cannot run here\. The script is lost\. Choose another backend \(auto, webgpu, cpu\) or a smaller model\./,
    );
    registerBackend('scripted', scriptedHost(SILENT));
  });
});
