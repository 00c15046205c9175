/** The bundled examples: a list beside the page, read once. Without it the page works all the same. */
import type { Example, ExamplesSlice } from './app-state.ts';
import { plainError } from './plain-error.ts';
import type { SliceOf, Workbench } from './workbench.ts';

/** Where the examples lie, beside the page. */
export const EXAMPLES_FOLDER = 'examples/';

/** The examples' slice. */
export function examplesSlice(bench: Workbench): SliceOf<ExamplesSlice> {
  let clicks = 0;
  return (set, get) => ({
    examples: [],

    loadExamples: async () => {
      try {
        const list = await bench.deps.fetchFile(`${EXAMPLES_FOLDER}examples.json`);
        set({ examples: parseExamples(JSON.parse(await list.text())) });
      } catch {
        set({ examples: [] }); // a page without examples is still whole
      }
    },

    chooseExample: async (example) => {
      const click = ++clicks;
      try {
        const file = await bench.deps.fetchFile(EXAMPLES_FOLDER + example.file);
        if (click !== clicks) return; // a later click has overtaken this one
        await get().chooseImage(file, example.title, example.questions);
        const first = example.questions[0];
        if (first !== undefined && get().image?.name === example.title) get().setQuestion(first);
      } catch (thrown) {
        if (click === clicks) set({ imageError: { ...plainError(thrown), fileName: example.title } });
      }
    },
  });
}

/** Reads `examples.json`; entries that are not examples are left out. */
export function parseExamples(json: unknown): readonly Example[] {
  return Array.isArray(json) ? json.filter(isExample) : [];
}

function isExample(value: unknown): value is Example {
  if (typeof value !== 'object' || value === null) return false;
  const { file, title, questions, note } = value as Partial<Record<keyof Example, unknown>>;
  const isText = (text: unknown): boolean => typeof text === 'string';
  return isText(file) && isText(title) && isText(note) && Array.isArray(questions) && questions.every(isText);
}
