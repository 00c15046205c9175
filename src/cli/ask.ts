/**
 * npm run -s ask -- (--image FILE ... | --video FILE) --question TEXT | --chat FILE.json
 *                   [--region X1,Y1,X2,Y2 [--beside-whole]] [--mode smart|half|full | --downsample on|off --tool on|off]
 *                   [--model DIR] [--backend auto|webgpu|cpu] [--max-new-tokens N] [--max-rounds N] [--max-images N]
 *                   [--max-pixels N] [--min-pixels N] [--temperature T] [--top-p P] [--seed N]
 *                   [--drop-oldest-images on|off] [--force-round-1 TEXT] [--json]
 */
import { defineCommand } from 'citty';
import type { Engine } from '../conversation/engine.ts';
import { sayInRound1 } from '../evaluation/given-text.ts';
import type { AskedRegion } from '../protocol/chat.ts';
import type { TurnEvent } from '../protocol/events.ts';
import { SETTING_NAMES } from '../protocol/setting-names.ts';
import {
  DEFAULT_SETTINGS,
  MODE_SWITCHES,
  type RoundResult,
  type TurnResult,
  type TurnSettings,
} from '../protocol/turn.ts';
import { about, NamedError } from '../shared/errors.ts';
import { TOOL_NAMES } from '../shared/prompt-sets.ts';
import { type AskedPicture, type AskInput, parseRegion, readChat, readQuestion } from './ask-input.ts';
import { BUNDLED_MODEL } from './bundled-model.ts';
import { openNodeModel } from './node-engine.ts';
import { BACKEND_OPTION, parseBackend } from './backend-option.ts';
import { repeatedOption } from './repeated-option.ts';
import { start } from './start.ts';

const command = defineCommand({
  meta: { name: 'ask', description: 'Asks a question about an image, with the engine of the page.' },
  args: {
    image: { type: 'string', description: 'Image file; may be given several times' },
    video: { type: 'string', description: 'Animated GIF or WebP, or a folder of frames: up to 8 are shown' },
    question: { type: 'string', description: 'The question' },
    region: { type: 'string', description: 'X1,Y1,X2,Y2 in pixels of the first picture: ask about this part of it' },
    'beside-whole': { type: 'boolean', default: false, description: 'Show the whole picture before the region' },
    chat: { type: 'string', description: "JSON file of messages; the last, the user's, is answered" },
    mode: { type: 'string', description: 'smart | half | full' },
    downsample: { type: 'string', description: 'on | off: start at half resolution' },
    tool: { type: 'string', description: `auto | none | ${TOOL_NAMES.join(' | ')}: the tool to offer` },
    model: { type: 'string', default: BUNDLED_MODEL, description: 'Model folder; the bundled one by default' },
    backend: BACKEND_OPTION,
    'max-new-tokens': { type: 'string', description: 'New tokens a round may generate' },
    'max-rounds': { type: 'string', description: 'Rounds that may generate, the tool in between' },
    'max-images': { type: 'string', description: 'Images a question may show, those of tools included' },
    'max-pixels': { type: 'string', description: 'Pixel budget of an original' },
    'min-pixels': { type: 'string', description: 'Least pixels of an original; smaller ones are scaled up' },
    temperature: { type: 'string', description: '0: greedy' },
    'top-p': { type: 'string', description: 'Share of probability that tokens are drawn from, above temperature 0' },
    'drop-oldest-images': {
      type: 'string',
      description: 'on | off: leave the oldest pictures out where a conversation does not fit the context',
    },
    seed: { type: 'string', description: 'Makes sampling repeatable' },
    'force-round-1': { type: 'string', description: "Text in place of round 1's generation" },
    json: { type: 'boolean', default: false, description: 'Print one JSON object as the last line' },
  },
  async run({ args, rawArgs }) {
    await ask(args, repeatedOption(rawArgs, 'image'));
  },
});

interface Arguments {
  readonly video?: string | undefined;
  readonly question?: string | undefined;
  readonly chat?: string | undefined;
  readonly region?: string | undefined;
  readonly 'beside-whole': boolean;
  readonly mode?: string | undefined;
  readonly downsample?: string | undefined;
  readonly tool?: string | undefined;
  readonly model: string;
  readonly backend: string;
  readonly 'max-new-tokens'?: string | undefined;
  readonly 'max-rounds'?: string | undefined;
  readonly 'max-images'?: string | undefined;
  readonly 'max-pixels'?: string | undefined;
  readonly 'min-pixels'?: string | undefined;
  readonly temperature?: string | undefined;
  readonly 'top-p'?: string | undefined;
  readonly 'drop-oldest-images'?: string | undefined;
  readonly seed?: string | undefined;
  readonly 'force-round-1'?: string | undefined;
  readonly json: boolean;
}

async function ask(args: Arguments, images: readonly string[]): Promise<void> {
  const settings = parseSettings(args);
  const backend = parseBackend(args.backend);
  const input = await readInput(args, images, settings);
  const { engine, run } = await openNodeModel({ directory: args.model, backend });
  const forced = args['force-round-1'];
  const onEvent = (event: TurnEvent): void => {
    if (!args.json) printEvent(event);
  };
  try {
    for (const picture of input.images) await add(engine, picture);
    const options = { ...input.options, ...(forced === undefined ? {} : sayInRound1(forced)) };
    const result = await run(() => engine.ask(input.question, settings, onEvent, options));
    if (args.json) console.log(JSON.stringify(toJson(result)));
    else printSummary(result);
  } finally {
    await engine.dispose();
  }
}

/** Adds an image; an error says which one it is about. */
async function add(engine: Engine, { name, image }: AskedPicture): Promise<void> {
  try {
    await engine.addImage(image);
  } catch (thrown) {
    throw about(name, thrown);
  }
}

/** What is asked: a chat's file, or a question about images and a video's frames. */
async function readInput(args: Arguments, images: readonly string[], settings: TurnSettings): Promise<AskInput> {
  const { chat, question, video } = args;
  const part = partOf(args);
  if (chat !== undefined) {
    const isAlone = question === undefined && images.length === 0 && video === undefined && part === null;
    if (isAlone) return readChat(chat, settings);
    throw new NamedError(
      'UsageError',
      '--chat holds the question and its images. Leave --question, --image, --video and --region out.',
    );
  }
  if (question === undefined) throw new NamedError('UsageError', 'There is no --question. Give one, or a --chat file.');
  if (images.length === 0 && video === undefined) {
    throw new NamedError('UsageError', 'There is no --image. Give the path of an image, or a --video.');
  }
  return readQuestion(question, { paths: images, video, part });
}

/** The part of the first picture that is asked about; null: all of it. Throws UsageError. */
function partOf({ region, 'beside-whole': besideWhole }: Arguments): AskedRegion | null {
  if (region !== undefined) return { region: parseRegion(region), besideWhole };
  if (!besideWhole) return null;
  throw new NamedError('UsageError', '--beside-whole needs a --region. Give one, or leave it out.');
}

function printEvent(event: TurnEvent): void {
  if (event.type === 'roundStart') {
    const { width, height } = event.imageSize;
    const count = event.images.length > 1 ? `${event.images.length} images, the first ` : '';
    process.stdout.write(
      `\n[round ${event.round}: ${count}${event.resolution} ${width} x ${height}, ${event.visualTokens} visual tokens]\n`,
    );
  } else if (event.type === 'text') process.stdout.write(event.delta);
}

/** Exactly the fields that the README promises. */
function toJson({ answer, finishReason, rounds, visualTokens, marks, droppedImages }: TurnResult): unknown {
  const dropped = droppedImages > 0 ? { droppedImages } : {};
  return { answer, finishReason, rounds: rounds.map(roundToJson), visualTokens, marks, ...dropped };
}

function roundToJson(round: RoundResult): unknown {
  const { resolution, imageSize, visualTokens, promptTokens, computedTokens, draftedTokens, acceptedTokens } = round;
  const { tokenIds, text, toolCall, timings } = round;
  const images = round.images.map(({ request, ...seen }) => ({ ...request, ...seen }));
  const counts = { visualTokens, promptTokens, computedTokens, draftedTokens, acceptedTokens };
  return { resolution, imageSize, images, ...counts, tokenIds, text, toolCall, timings };
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
  const given = (field: keyof typeof SETTING_NAMES, limits: Limits): Partial<TurnSettings> => {
    const name = SETTING_NAMES[field];
    const text = args[name];
    return text === undefined ? {} : { [field]: parseNumber(name, text, limits) };
  };
  return {
    ...DEFAULT_SETTINGS,
    ...switches,
    ...(args.downsample === undefined ? {} : { downsample: parseSwitch('downsample', args.downsample) }),
    ...(args.tool === undefined ? {} : parseTool(args.tool)),
    ...(args['drop-oldest-images'] === undefined
      ? {}
      : { dropOldestImages: parseSwitch('drop-oldest-images', args['drop-oldest-images']) }),
    ...given('maxNewTokens', { min: 1, whole: true }),
    ...given('maxRounds', { min: 1, whole: true }),
    ...given('maxImages', { min: 1, whole: true }),
    ...given('pixelBudget', { min: 28 * 28, whole: true }),
    ...given('minPixels', { min: 1, max: MAX_MIN_PIXELS, whole: true }),
    ...given('temperature', { min: 0, whole: false }),
    ...given('topP', { min: 0, max: 1, whole: false }),
    ...(args.seed === undefined ? {} : { seed: parseNumber('seed', args.seed, { min: 0, whole: true }) }),
  };
}

/** Largest least area: the image processor's own largest. */
const MAX_MIN_PIXELS = 12_845_056;

/** What a number may be. */
interface Limits {
  readonly min: number;
  readonly max?: number;
  readonly whole: boolean;
}

/** Throws UsageError for anything but decimal digits, or a number out of its limits. */
function parseNumber(name: string, value: string, { min, max = Infinity, whole }: Limits): number {
  const number = Number(value);
  const pattern = whole ? /^\d+$/ : /^\d+(\.\d+)?$/;
  if (!pattern.test(value.trim()) || number < min || number > max) {
    const range = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new NamedError(
      'UsageError',
      `--${name} is "${value}"; use ${whole ? 'a whole number' : 'a number'} ${range}.`,
    );
  }
  return number;
}

/** `on` and `off` are older names of `auto` and `none`. */
function parseTool(value: string): Pick<TurnSettings, 'tool' | 'toolName'> {
  if (value === 'auto' || value === 'on') return { tool: true };
  if (value === 'none' || value === 'off') return { tool: false };
  if (TOOL_NAMES.some((name) => name === value)) return { tool: true, toolName: value };
  throw new NamedError('UsageError', `--tool is "${value}"; use auto, none or one of: ${TOOL_NAMES.join(', ')}.`);
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
