/**
 * npm run -s check-answers -- TESTSET_DIR [--model DIR] [--backend auto|webgpu|cpu] [--mode smart|half|full] [--limit N] [--json]
 *
 * Asks every question of a test set (`questions.jsonl` and its images) and counts right answers, calls, visual tokens,
 * and, where a question records what transformers answered, how many rounds' texts are identical.
 */
import { defineCommand } from 'citty';
import { createNodeImageDecoder } from '../io/node/node-image-decoder.ts';
import { DEFAULT_SETTINGS, type Mode, MODE_SWITCHES } from '../protocol/turn.ts';
import { BUNDLED_MODEL } from './bundled-model.ts';
import { type NodeModel, openNodeModel } from './node-engine.ts';
import { BACKEND_OPTION, parseBackend } from './backend-option.ts';
import { start } from './start.ts';
import { isRight, parseLimit, parseMode, type Question, readImage, readQuestions } from './testset.ts';

const command = defineCommand({
  meta: { name: 'check-answers', description: "Compares the engine's answers with a test set's." },
  args: {
    testset: { type: 'positional', required: true, description: 'Folder with questions.jsonl' },
    model: { type: 'string', default: BUNDLED_MODEL, description: 'Model folder; the bundled one by default' },
    backend: BACKEND_OPTION,
    mode: { type: 'string', default: 'smart', description: 'smart | half | full' },
    limit: { type: 'string', description: 'Only the first N questions' },
    json: { type: 'boolean', default: false, description: 'Print one JSON object as the last line, answers included' },
  },
  async run({ args }) {
    const { testset } = args;
    const mode = parseMode(args.mode);
    const backend = parseBackend(args.backend);
    const questions = await readQuestions(testset, parseLimit(args.limit));
    const model = await openNodeModel({ directory: args.model, backend });
    let report: Report;
    try {
      report = await model.run(() => checkAnswers(model, { testset, questions, mode }));
    } finally {
      await model.engine.dispose();
    }
    const { answers, mismatches, ...counts } = report;
    console.log(counts);
    for (const mismatch of mismatches) console.log(mismatch);
    if (args.json) console.log(JSON.stringify({ ...counts, mismatches, answers }));
  },
});

interface Asked {
  readonly testset: string;
  readonly questions: readonly Question[];
  readonly mode: Mode;
}

type Report = Awaited<ReturnType<typeof checkAnswers>>;

async function checkAnswers({ engine }: NodeModel, { testset, questions, mode }: Asked) {
  const decoder = createNodeImageDecoder();
  const settings = { ...DEFAULT_SETTINGS, ...MODE_SWITCHES[mode] };
  const report = {
    questions: questions.length,
    right: 0,
    accuracy: 0,
    calls: 0,
    visualTokens: 0,
    ofFull: 0,
    withReference: 0,
    identical: 0,
    recomputedTokens: 0,
    newTokens: 0,
    draftedTokens: 0,
    acceptedTokens: 0,
    mismatches: [] as { id: number; found: readonly string[]; expected: readonly string[] }[],
    answers: [] as { id: number; answer: string; right: boolean; called: boolean; rounds: readonly string[] }[],
  };
  let full = 0;
  for (const asked of questions) {
    const { id, question, answer, reference } = asked;
    await engine.setImage(await decoder.decode(await readImage(testset, asked)));
    const result = await engine.ask(question, settings, () => undefined);
    const right = isRight(result.answer, answer);
    const called = result.rounds.length > 1;
    report.answers.push({ id, answer: result.answer, right, called, rounds: result.rounds.map((round) => round.text) });
    if (right) report.right++;
    if (called) report.calls++;
    report.visualTokens += result.visualTokens.used;
    full += result.visualTokens.full;
    for (const round of result.rounds) {
      report.recomputedTokens += round.recomputedTokens;
      report.newTokens += round.tokenIds.length;
      report.draftedTokens += round.draftedTokens;
      report.acceptedTokens += round.acceptedTokens;
    }
    if (reference === undefined || mode !== 'smart') continue;
    report.withReference++;
    const found = result.rounds.map((round) => round.text);
    if (JSON.stringify(found) === JSON.stringify(reference.rounds)) report.identical++;
    else report.mismatches.push({ id, found, expected: reference.rounds });
  }
  report.accuracy = report.right / report.questions;
  report.ofFull = report.visualTokens / full;
  return report;
}

void start(command);
