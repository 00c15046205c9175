/**
 * npm run -s check-answers -- TESTSET_DIR [--model DIR] [--mode smart|half|full] [--limit N] [--json]
 *
 * Asks every question of a test set (`questions.jsonl` and its images) and counts right answers, calls, visual tokens,
 * and, where a question records what transformers answered, how many rounds' texts are identical.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { openFileBlob } from '../io/node/file-blob.ts';
import { createNodeImageDecoder } from '../io/node/node-image-decoder.ts';
import { DEFAULT_SETTINGS, MODE_SWITCHES } from '../protocol/turn.ts';
import { NamedError } from '../shared/errors.ts';
import { BUNDLED_MODEL, openNodeEngine } from './node-engine.ts';
import { start } from './start.ts';

const command = defineCommand({
  meta: { name: 'check-answers', description: "Compares the engine's answers with a test set's." },
  args: {
    testset: { type: 'positional', required: true, description: 'Folder with questions.jsonl' },
    model: { type: 'string', default: BUNDLED_MODEL, description: 'Model folder; the bundled one by default' },
    mode: { type: 'string', default: 'smart', description: 'smart | half | full' },
    limit: { type: 'string', description: 'Only the first N questions' },
    json: { type: 'boolean', default: false, description: 'Print one JSON object as the last line, answers included' },
  },
  async run({ args }) {
    const { mode } = args;
    if (mode !== 'smart' && mode !== 'half' && mode !== 'full') {
      throw new NamedError('UsageError', `--mode is "${mode}"; use smart, half or full.`);
    }
    const limit = args.limit === undefined ? Infinity : Number(args.limit);
    if (!(limit >= 1))
      throw new NamedError('UsageError', `--limit is "${args.limit}"; use a whole number of at least 1.`);
    const report = await checkAnswers(args.testset, args.model, mode, limit);
    const { answers, mismatches, ...counts } = report;
    console.log(counts);
    for (const mismatch of mismatches) console.log(mismatch);
    if (args.json) console.log(JSON.stringify({ ...counts, mismatches, answers }));
  },
});

interface Question {
  readonly id: number;
  readonly image: string;
  readonly question: string;
  readonly answer: string;
  readonly reference?: { readonly rounds: readonly string[] };
}

async function checkAnswers(testset: string, model: string, mode: keyof typeof MODE_SWITCHES, limit: number) {
  const lines = (await readFile(join(testset, 'questions.jsonl'), 'utf8')).trim().split('\n').slice(0, limit);
  const questions = lines.map((line) => JSON.parse(line) as Question);
  const engine = await openNodeEngine(model);
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
  for (const { id, image, question, answer, reference } of questions) {
    await engine.setImage(await decoder.decode(await imageFile(join(testset, image))));
    const result = await engine.ask(question, settings, () => undefined);
    const right = normalise(result.answer) === normalise(answer);
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
  await engine.dispose();
  report.accuracy = report.right / report.questions;
  report.ofFull = report.visualTokens / full;
  return report;
}

/** The judge of training/nano/reward.py: NFKC, lower case, single spaces, no punctuation around it. */
function normalise(text: string): string {
  const plain = text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ');
  return plain.replace(/^[\s.,;:!?"'()[\]]+|[\s.,;:!?"'()[\]]+$/g, '');
}

async function imageFile(path: string): Promise<Blob> {
  const file = await openFileBlob(path);
  if (file === undefined) throw new NamedError('UsageError', `The test set has no ${path}.`);
  return file;
}

void start(command);
