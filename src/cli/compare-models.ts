/**
 * npm run -s compare-models -- TESTSET_DIR REFERENCE_DIR --models DIR[,DIR...] [--backend auto|webgpu|cpu] [--answers]
 *                              [--mode smart|half|full] [--limit N] [--json]
 *
 * Asks every question of a test set, and compares models (of other dtypes, say) with a reference: the distance of their logits on
 * the reference's answers, the distance of the image's features, and the number of right answers of their own.
 */
import { defineCommand } from 'citty';
import { PromptBuilder } from '../conversation/prompt-builder.ts';
import type { Engine } from '../conversation/engine.ts';
import { EncodePace } from '../conversation/encode-pace.ts';
import { ImageViews } from '../conversation/image-views.ts';
import { toolReply } from '../conversation/templates.ts';
import { startTurn } from '../conversation/turn-start.ts';
import type { TextModel } from '../engine/backend.ts';
import { countTokens } from '../engine/segments.ts';
import { DeviceQueue } from '../engine/device-queue.ts';
import { promptLogits } from '../engine/prompt-logits.ts';
import { LogitDistances } from '../evaluation/logit-distance.ts';
import { createNodeImageDecoder } from '../io/node/node-image-decoder.ts';
import { DEFAULT_SETTINGS, type Mode, MODE_SWITCHES } from '../protocol/turn.ts';
import { fullOf } from '../shared/image-request.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { type NodeModel, openNodeModel } from './node-engine.ts';
import { BACKEND_OPTION, parseBackend } from './backend-option.ts';
import { start } from './start.ts';
import { isRight, parseLimit, parseMode, type Question, readImage, readQuestions } from './testset.ts';

const command = defineCommand({
  meta: { name: 'compare-models', description: 'Compares models with a reference on a test set.' },
  args: {
    testset: { type: 'positional', required: true, description: 'Folder with questions.jsonl' },
    reference: { type: 'positional', required: true, description: 'Model folder to compare with, fp32 say' },
    models: { type: 'string', required: true, description: 'Model folders, commas between them' },
    backend: BACKEND_OPTION,
    mode: { type: 'string', default: 'smart', description: 'smart | half | full' },
    limit: { type: 'string', description: 'Only the first N questions' },
    answers: { type: 'boolean', default: false, description: 'Let the other models answer by themselves, too' },
    json: { type: 'boolean', default: false, description: 'Print one JSON object as the last line' },
  },
  async run({ args }) {
    const directories = [args.reference, ...args.models.split(',')];
    const { testset, answers: ownAnswers } = args;
    const mode = parseMode(args.mode);
    const backend = parseBackend(args.backend);
    const questions = await readQuestions(testset, parseLimit(args.limit));
    const models: ComparedModel[] = [];
    let report: readonly Row[];
    try {
      for (const directory of directories) models.push(new ComparedModel(await openNodeModel({ directory, backend })));
      const comparison = compare(models, { testset, questions, mode, ownAnswers });
      report = (await comparison).map((row, i) => ({ model: directories[i] ?? '', ...row }));
    } finally {
      for (const model of models) await model.dispose();
    }
    console.table(report);
    if (args.json) console.log(JSON.stringify(report));
  },
});

interface Answer {
  readonly right: boolean;
  /** The generated ids, round by round. */
  readonly rounds: readonly (readonly number[])[];
}

interface Predictions {
  /** Logits at every position that predicts a token of the answers: `[vocab]` each. */
  readonly logits: readonly Float32Array[];
  /** Features of the last image. */
  readonly features: Float32Array;
}

/** A model that answers, and predicts the answers of another one. */
class ComparedModel {
  /** The dtype of its weights. */
  readonly bytes: number;
  readonly #engine: Engine;
  readonly #run: NodeModel['run'];
  readonly #text: TextModel;
  readonly #builder: PromptBuilder;
  readonly #views: (image: RgbImage) => ImageViews;

  constructor({ folder, backend, engine, variant, run }: NodeModel) {
    const { manifest, model, processor, prompts, tokenizer } = folder;
    const queue = new DeviceQueue(backend.leavesThreadFree);
    const { vision } = backend;
    let serial = 0;
    const graphs = manifest.variants.find(({ name }) => name === variant)?.graphs;
    const dataFiles = new Set(Object.values(graphs ?? {}).flatMap(({ data }) => data));
    this.bytes = manifest.files.reduce((sum, { path, bytes }) => sum + (dataFiles.has(path) ? bytes : 0), 0);
    this.#engine = engine;
    this.#run = run;
    this.#text = backend.text;
    this.#builder = new PromptBuilder(prompts, tokenizer, model.chat);
    const pace = new EncodePace();
    this.#views = (image) => {
      const views = new ImageViews({ processor, vision, queue, pace, nextSerial: () => serial++ });
      views.add(image);
      return views;
    };
  }

  async dispose(): Promise<void> {
    await this.#engine.dispose();
  }

  /** Answers greedily. */
  async answer(image: RgbImage, question: string, expected: string, mode: Mode): Promise<Answer> {
    await this.#engine.setImage(image);
    const settings = { ...DEFAULT_SETTINGS, ...MODE_SWITCHES[mode] };
    const result = await this.#run(() => this.#engine.ask(question, settings, () => undefined));
    return { right: isRight(result.answer, expected), rounds: result.rounds.map(({ tokenIds }) => tokenIds) };
  }

  /** Logits for every token of `rounds`, given all before it. */
  async predict(image: RgbImage, question: string, rounds: Answer['rounds'], mode: Mode): Promise<Predictions> {
    const views = this.#views(image);
    const settings = { ...DEFAULT_SETTINGS, ...MODE_SWITCHES[mode] };
    const start = startTurn(this.#engine.core.context, { question, images: [0], views, settings });
    const { conversation, offered, imageOf } = start;
    const [first = fullOf(0)] = start.requests;
    const places: number[] = [];
    let prompt = this.#builder.segments(conversation.messages, imageOf);
    for (const [i, ids] of rounds.entries()) {
      const before = countTokens(prompt);
      places.push(...ids.map((_, at) => before + at - 1));
      conversation.add({ role: 'assistant', content: [{ type: 'tokens', ids }] });
      if (offered !== null && i < rounds.length - 1)
        conversation.add(toolReply(offered, [fullOf(0)], { question, round: i + 1 }));
      prompt = this.#builder.segments(conversation.messages, imageOf);
    }
    const last = views.view(rounds.length > 1 ? fullOf(0) : first);
    const all = await this.#run(() => promptLogits(this.#text, prompt));
    const features = await this.#run(async () => (await last.segment.features()).read());
    views.dispose();
    const size = this.#text.vocabSize;
    return { logits: places.map((place) => all.subarray(place * size, (place + 1) * size)), features };
  }
}

interface Comparison {
  readonly testset: string;
  readonly questions: readonly Question[];
  readonly mode: Mode;
  /** Whether models other than the reference answer by themselves, too. */
  readonly ownAnswers: boolean;
}

/** A row of the report. */
type Row = Readonly<Record<string, number | string>>;

/** Compares all models with the first. */
async function compare(
  models: readonly ComparedModel[],
  { testset, questions, mode, ownAnswers }: Comparison,
): Promise<Row[]> {
  const totals = models.map(() => ({ distances: new LogitDistances(), error: 0, right: 0, won: 0, lost: 0 }));
  const decoder = createNodeImageDecoder();
  for (const asked of questions) {
    const { question, answer } = asked;
    const image = await decoder.decode(await readImage(testset, asked));
    let reference: (Answer & Predictions) | undefined;
    for (const [i, model] of models.entries()) {
      const total = totals[i];
      if (total === undefined) continue;
      if (reference === undefined) {
        const own = await model.answer(image, question, answer, mode);
        reference = { ...own, ...(await model.predict(image, question, own.rounds, mode)) };
        if (own.right) total.right++;
        continue;
      }
      const { logits, features } = await model.predict(image, question, reference.rounds, mode);
      for (const [at, expected] of reference.logits.entries()) {
        total.distances.add(logits[at] ?? new Float32Array(0), expected);
      }
      total.error += relativeError(features, reference.features);
      if (!ownAnswers) continue;
      const own = await model.answer(image, question, answer, mode);
      if (own.right) total.right++;
      if (own.right && !reference.right) total.won++;
      if (!own.right && reference.right) total.lost++;
    }
  }
  const rounded = (value: number): number => Number(value.toPrecision(4));
  return totals.map(({ distances, error, right, won, lost }, i) => {
    const { positions, divergence, cosine, sameTop } = distances.mean;
    const answers = ownAnswers || i === 0 ? { right } : {};
    return {
      megabytes: rounded((models[i]?.bytes ?? NaN) / 1e6),
      ...answers,
      ...(i === 0 || !ownAnswers ? {} : { won, lost }),
      ...(i === 0
        ? { questions: questions.length }
        : {
            positions,
            divergence: rounded(divergence),
            oneMinusCosine: rounded(1 - cosine),
            sameTop: rounded(sameTop),
            featureError: rounded(error / questions.length),
          }),
    };
  });
}

/** Root mean square of the difference, as a share of that of the expected values. */
function relativeError(found: Float32Array, expected: Float32Array): number {
  const square = (values: Float32Array): number => values.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(square(found.map((value, i) => value - (expected[i] ?? NaN))) / square(expected));
}

void start(command);
