/** The environment that the page gives a run of the benchmark. */
import { connectEngineUnderTest, makeRandomFolder } from '../client/bench-client.ts';
import { fetchFile } from '../client/fetch-file.ts';
import { syntheticPicture } from '../client/synthetic-picture.ts';
import type { BenchQuestion } from '../evaluation/measurements.ts';
import type { BenchEnvironment } from '../evaluation/run-bench.ts';
import { pause } from '../shared/pause.ts';
import { EXAMPLES_FOLDER, parseExamples } from './examples-slice.ts';
import { folderAddress } from './model-slice.ts';

/** The environment of a page at `pageUrl`. */
export function browserEnvironment(pageUrl: string): BenchEnvironment {
  const bundled = folderAddress({ kind: 'bundled' }, pageUrl);
  return {
    userAgent: navigator.userAgent,
    connect: connectEngineUnderTest,
    invent: ({ width, height }) => syntheticPicture(width, height),
    rest: pause,
    async model({ model, backend }) {
      if (model.kind === 'preset') return makeRandomFolder(model.preset, backend, bundled);
      return { kind: 'url', url: folderAddress(model, pageUrl) };
    },
    async questions() {
      const list: BenchQuestion[] = [];
      const pictures = new Map<string, Blob>();
      const file = (path: string): Promise<Blob> => fetchFile(EXAMPLES_FOLDER + path, pageUrl);
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
