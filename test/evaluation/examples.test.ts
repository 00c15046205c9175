/** The bundled examples with the bundled model: every suggested question is answered correctly, at the lowest cost. */
import { openAsBlob, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUNDLED_MODEL } from '../../src/cli/bundled-model.ts';
import { openNodeModel } from '../../src/cli/node-engine.ts';
import type { Engine } from '../../src/conversation/engine.ts';
import { createNodeImageDecoder } from '../../src/io/node/node-image-decoder.ts';
import { DEFAULT_SETTINGS } from '../../src/protocol/turn.ts';
import { EXAMPLES } from '../helpers/example-answers.ts';

const FOLDER = fileURLToPath(new URL('../../public/examples/', import.meta.url));

let engine: Engine;
beforeAll(async () => {
  ({ engine } = await openNodeModel({ directory: BUNDLED_MODEL, backend: 'cpu' }));
});
afterAll(() => engine?.dispose());

describe('the examples', () => {
  it('suggest the questions whose answers are known', () => {
    const listed = JSON.parse(readFileSync(`${FOLDER}examples.json`, 'utf8')) as {
      file: string;
      title: string;
      questions: string[];
    }[];
    const known = Object.entries(EXAMPLES).map(([file, [title, answers]]) => ({
      file,
      title,
      questions: answers.map(([question]) => question),
    }));
    expect(listed.map(({ file, title, questions }) => ({ file, title, questions }))).toEqual(known);
  });

  it.each(Object.entries(EXAMPLES))('%s: is answered correctly, at the lowest cost', async (file, [, answers]) => {
    await engine.setImage(await createNodeImageDecoder().decode(await openAsBlob(FOLDER + file)));
    for (const [question, answer, rounds] of answers) {
      const turn = await engine.ask(question, DEFAULT_SETTINGS, () => undefined);
      const resolutions = turn.rounds.map(({ resolution }) => resolution);
      expect([question, turn.answer, resolutions]).toEqual([question, answer, ['half', 'full'].slice(0, rounds)]);
    }
  });
});
