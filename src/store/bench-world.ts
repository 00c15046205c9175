/** What a run of the benchmark gets from the page it runs on. */
import { connectContestant, makeRandomFolder } from '../client/bench-client.ts';
import { inventPicture } from '../client/invent-picture.ts';
import type { BenchQuestion } from '../evaluation/measurements.ts';
import type { BenchWorld } from '../evaluation/run-bench.ts';
import { pause } from '../shared/pause.ts';
import { EXAMPLES_FOLDER, parseExamples } from './examples-slice.ts';
import { MODEL_FOLDER } from './model-slice.ts';

/** The world of a page at `baseUrl`. */
export function browserWorld(baseUrl: string): BenchWorld {
  const bundled = new URL(MODEL_FOLDER, baseUrl).href;
  return {
    userAgent: navigator.userAgent,
    connect: connectContestant,
    invent: ({ width, height }) => inventPicture(width, height),
    rest: pause,
    async model({ model, backend }) {
      if (model.kind === 'shapes') return makeRandomFolder(model.shapes, backend, bundled);
      return { kind: 'url', url: model.kind === 'bundled' ? bundled : new URL(model.url, baseUrl).href };
    },
    async questions() {
      const list: BenchQuestion[] = [];
      const pictures = new Map<string, Blob>();
      const file = (path: string): Promise<Blob> => fetchFile(new URL(EXAMPLES_FOLDER + path, baseUrl));
      for (const example of parseExamples(JSON.parse(await (await file('examples.json')).text()))) {
        const [question] = example.questions;
        if (question === undefined) continue;
        pictures.set(example.file, await file(example.file));
        list.push({ picture: example.file, question });
      }
      return { list, pictures };
    },
  };
}

async function fetchFile(url: URL): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} could not be fetched: HTTP ${response.status}.`);
  return response.blob();
}
