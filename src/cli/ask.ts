/**
 * npm run -s ask -- --image FILE --question TEXT [--mode smart|half|full | --downsample on|off --tool on|off]
 *                   [--model DIR] [--backend auto|webgpu|cpu] [--max-new-tokens N] [--max-rounds N] [--max-pixels N]
 *                   [--temperature T] [--seed N] [--force-round-1 TEXT] [--json]
 */
import { defineCommand } from 'citty';
import { sayInRound1 } from '../evaluation/given-text.ts';
import { openFileBlob } from '../io/node/file-blob.ts';
import { createNodeImageDecoder } from '../io/node/node-image-decoder.ts';
import type { TurnEvent } from '../protocol/events.ts';
import {
  DEFAULT_SETTINGS,
  MODE_SWITCHES,
  type RoundResult,
  type TurnResult,
  type TurnSettings,
} from '../protocol/turn.ts';
import { NamedError } from '../shared/errors.ts';
import { BUNDLED_MODEL } from './bundled-model.ts';
import { openNodeModel } from './node-engine.ts';
import { BACKEND_OPTION, parseBackend } from './backend-option.ts';
import { start } from './start.ts';

const command = defineCommand({
  meta: { name: 'ask', description: 'Asks a question about an image, with the engine of the page.' },
  args: {
    image: { type: 'string', required: true, description: 'Image file' },
    question: { type: 'string', required: true, description: 'The question' },
    mode: { type: 'string', description: 'smart | half | full' },
    downsample: { type: 'string', description: 'on | off: start at half resolution' },
    tool: { type: 'string', description: "on | off: offer the model's tool" },
    model: { type: 'string', default: BUNDLED_MODEL, description: 'Model folder; the bundled one by default' },
    backend: BACKEND_OPTION,
    'max-new-tokens': { type: 'string', description: 'New tokens a round may generate' },
    'max-rounds': { type: 'string', description: 'Rounds that may generate, the tool in between' },
    'max-pixels': { type: 'string', description: 'Pixel budget of the original' },
    temperature: { type: 'string', description: '0: greedy' },
    seed: { type: 'string', description: 'Makes sampling repeatable' },
    'force-round-1': { type: 'string', description: "Text in place of round 1's generation" },
    json: { type: 'boolean', default: false, description: 'Print one JSON object as the last line' },
  },
  async run({ args }) {
    await ask(args);
  },
});

interface Arguments {
  readonly image: string;
  readonly question: string;
  readonly mode?: string | undefined;
  readonly downsample?: string | undefined;
  readonly tool?: string | undefined;
  readonly model: string;
  readonly backend: string;
  readonly 'max-new-tokens'?: string | undefined;
  readonly 'max-rounds'?: string | undefined;
  readonly 'max-pixels'?: string | undefined;
  readonly temperature?: string | undefined;
  readonly seed?: string | undefined;
  readonly 'force-round-1'?: string | undefined;
  readonly json: boolean;
}

async function ask(args: Arguments): Promise<void> {
  const settings = parseSettings(args);
  const backend = parseBackend(args.backend);
  const file = await openFileBlob(args.image);
  if (file === undefined)
    throw new NamedError('UsageError', `There is no file ${args.image}. Give the path of an image.`);
  const image = await createNodeImageDecoder().decode(file);
  const { engine, run } = await openNodeModel({ directory: args.model, backend });
  const forced = args['force-round-1'];
  const onEvent = (event: TurnEvent): void => {
    if (!args.json) printEvent(event);
  };
  try {
    await engine.setImage(image);
    const options = forced === undefined ? {} : sayInRound1(forced);
    const result = await run(() => engine.ask(args.question, settings, onEvent, options));
    if (args.json) console.log(JSON.stringify(toJson(result)));
    else printSummary(result);
  } finally {
    await engine.dispose();
  }
}

function printEvent(event: TurnEvent): void {
  if (event.type === 'roundStart') {
    const { width, height } = event.imageSize;
    process.stdout.write(
      `\n[round ${event.round}: ${event.resolution} ${width} x ${height}, ${event.visualTokens} visual tokens]\n`,
    );
  } else if (event.type === 'text') process.stdout.write(event.delta);
}

/** Exactly the fields that the README promises. */
function toJson({ answer, finishReason, rounds, visualTokens, marks }: TurnResult): unknown {
  return { answer, finishReason, rounds: rounds.map(roundToJson), visualTokens, marks };
}

function roundToJson(round: RoundResult): unknown {
  const { resolution, imageSize, visualTokens, promptTokens, computedTokens, draftedTokens, acceptedTokens } = round;
  const { tokenIds, text, toolCall, timings } = round;
  const counts = { visualTokens, promptTokens, computedTokens, draftedTokens, acceptedTokens };
  return { resolution, imageSize, ...counts, tokenIds, text, toolCall, timings };
}

function printSummary({ answer, finishReason, rounds, visualTokens, totalMs }: TurnResult): void {
  const percent = (100 * visualTokens.ratio).toFixed(0);
  console.log(`\n\nAnswer: ${answer}`);
  console.log(
    `${rounds.length} round${rounds.length === 1 ? '' : 's'}, ${visualTokens.used} visual tokens (${percent} % of ${visualTokens.full}), ` +
      `${(totalMs / 1000).toFixed(1)} s, finished: ${finishReason}`,
  );
}

function parseSettings(args: Arguments): TurnSettings {
  const switches = args.mode === undefined ? {} : MODE_SWITCHES[parseMode(args.mode)];
  return {
    ...DEFAULT_SETTINGS,
    ...switches,
    ...(args.downsample === undefined ? {} : { downsample: parseSwitch('downsample', args.downsample) }),
    ...(args.tool === undefined ? {} : { tool: parseSwitch('tool', args.tool) }),
    ...(args['max-new-tokens'] === undefined
      ? {}
      : { maxNewTokens: parseNumber('max-new-tokens', args['max-new-tokens'], 1, true) }),
    ...(args['max-rounds'] === undefined ? {} : { maxRounds: parseNumber('max-rounds', args['max-rounds'], 1, true) }),
    ...(args['max-pixels'] === undefined
      ? {}
      : { pixelBudget: parseNumber('max-pixels', args['max-pixels'], 28 * 28, true) }),
    ...(args.temperature === undefined ? {} : { temperature: parseNumber('temperature', args.temperature, 0, false) }),
    ...(args.seed === undefined ? {} : { seed: parseNumber('seed', args.seed, 0, true) }),
  };
}

/** Throws UsageError for anything but decimal digits, or a number below `min`. */
function parseNumber(name: string, value: string, min: number, whole: boolean): number {
  const number = Number(value);
  const pattern = whole ? /^\d+$/ : /^\d+(\.\d+)?$/;
  if (!pattern.test(value.trim()) || number < min) {
    throw new NamedError(
      'UsageError',
      `--${name} is "${value}"; use ${whole ? 'a whole number' : 'a number'} of at least ${min}.`,
    );
  }
  return number;
}

function parseMode(value: string): keyof typeof MODE_SWITCHES {
  if (value === 'smart' || value === 'half' || value === 'full') return value;
  throw new NamedError('UsageError', `--mode is "${value}"; use smart, half or full.`);
}

function parseSwitch(name: string, value: string): boolean {
  if (value === 'on' || value === 'off') return value === 'on';
  throw new NamedError('UsageError', `--${name} is "${value}"; use on or off.`);
}

void start(command);
