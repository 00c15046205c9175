/** The bundled examples: a list beside the page, read once. The page works without it. */
import type { Example, ExamplesSlice } from './app-state.ts';
import type { EngineSession, SliceOf } from './engine-session.ts';

/** Where the examples lie, beside the page. */
export const EXAMPLES_FOLDER = 'examples/';

/** The examples' slice. */
export function examplesSlice(session: EngineSession): SliceOf<ExamplesSlice> {
  return (set, get) => ({
    examples: [],

    loadExamples: async () => {
      try {
        const list = await session.deps.fetchFile(`${EXAMPLES_FOLDER}examples.json`);
        set({ examples: parseExamples(JSON.parse(await list.text())) });
      } catch {
        set({ examples: [] }); // the page works without examples
      }
    },

    chooseExample: async (example) => {
      const fetching = session.deps.fetchFile(EXAMPLES_FOLDER + example.file);
      const { question } = get();
      const isChosen = await get().chooseImage(fetching, example.title, example.questions);
      const first = example.questions[0];
      if (isChosen && first !== undefined && get().question === question) get().setQuestion(first); // nobody has typed meanwhile
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
