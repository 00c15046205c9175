/**
 * npm run -s convert -- CHECKPOINT OUT_DIR [--dtype fp32|fp16|q8|q4|q4f16] [--revision R] [--endpoint URL] [--restart] [--name NAME]
 *   [--prompts efficient|general|chat] [--layout visionthink|transformers.js] [--json]
 * CHECKPOINT: a folder, or owner/name of a hub. The token for gated repositories is HF_TOKEN's.
 */
import { realpath, stat } from 'node:fs/promises';
import { defineCommand } from 'citty';
import { planConversion } from '../converter/conversion-plan.ts';
import { type ConvertOptions, runConversion } from '../converter/convert.ts';
import { LAYOUTS, parseLayout } from '../converter/layouts.ts';
import { DTYPES, parseDtype } from '../converter/dtypes.ts';
import { openHubFolder } from '../io/hub/hub-folder.ts';
import { lockFolder } from '../io/node/folder-lock.ts';
import { nodeFolder } from '../io/node/node-folder.ts';
import { createNodeHash } from '../io/node/node-hash.ts';
import { PROMPT_SETS, type PromptSet } from '../shared/prompt-sets.ts';
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';
import { addressOf, DEFAULT_REVISION, HUB_ENDPOINT, isHubId, parseHubPage } from '../shared/hub-page.ts';
import { ProgressLine } from './progress-line.ts';
import { start } from './start.ts';

const command = defineCommand({
  meta: { name: 'convert', description: 'Turns a checkpoint into a model folder for the browser.' },
  args: {
    checkpoint: {
      type: 'positional',
      required: true,
      description: 'Folder as Hugging Face saves it, or owner/name of the hub',
    },
    out: {
      type: 'positional',
      required: true,
      description: 'Folder to write; an unfinished conversion in it is resumed',
    },
    dtype: { type: 'string', default: 'q4f16', description: DTYPES.join(' | ') },
    revision: {
      type: 'string',
      description: `Branch, tag or commit of the hub's repository; ${DEFAULT_REVISION} by default`,
    },
    endpoint: { type: 'string', description: `A mirror of the hub; HF_ENDPOINT or ${HUB_ENDPOINT} by default` },
    restart: {
      type: 'boolean',
      default: false,
      description: 'Start over where OUT holds an unfinished conversion',
    },
    name: { type: 'string', description: "The model's name; the checkpoint's by default" },
    prompts: { type: 'string', description: `${PROMPT_SETS.join(' | ')}, when the checkpoint brings no prompts.json` },
    layout: {
      type: 'string',
      default: 'visionthink',
      description: `${LAYOUTS.join(' | ')}: the latter also loads in unmodified transformers.js`,
    },
    json: { type: 'boolean', default: false, description: 'Print one JSON object as the last line' },
  },
  async run({ args }) {
    await convert(args);
  },
});

interface Arguments {
  readonly checkpoint: string;
  readonly out: string;
  readonly dtype: string;
  readonly revision?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly restart: boolean;
  readonly name?: string | undefined;
  readonly prompts?: string | undefined;
  readonly layout: string;
  readonly json: boolean;
}

/** A folder that can be written: not the checkpoint itself. */
async function checkOut(checkpoint: string, out: string): Promise<void> {
  const found = await stat(out).catch(() => null);
  if (found === null) return;
  if (!found.isDirectory()) throw new NamedError('UsageError', `${out} is a file. Give a folder to write.`);
  if ((await realpath(out)) === (await realpath(checkpoint).catch(() => ''))) {
    throw new NamedError('UsageError', `${out} is the checkpoint itself. Give another folder to write.`);
  }
}

/** The checkpoint's folder, on this disk if there is one, else on the hub. */
async function openCheckpoint(args: Arguments, line: ProgressLine, signal: AbortSignal): Promise<FileSource> {
  const { checkpoint, revision, endpoint } = args;
  const found = await stat(checkpoint).catch(() => null);
  if (found?.isDirectory()) {
    if (revision === undefined && endpoint === undefined) return nodeFolder(checkpoint);
    throw new NamedError('UsageError', `${checkpoint} is a folder here: leave out --revision and --endpoint.`);
  }
  // Three names with slashes between them are a path whose first folder does not exist, not an id.
  const isNamed = /^https?:/.test(checkpoint) || isHubId(checkpoint);
  const page = parseHubPage(checkpoint);
  if (found !== null || !isNamed || !isHubId(page.id)) {
    throw new NamedError(
      'UsageError',
      `${checkpoint} is neither a folder nor a model of the hub. Give the folder a checkpoint was downloaded to, or owner/name.`,
    );
  }
  const hub = endpoint ?? process.env['HF_ENDPOINT'] ?? HUB_ENDPOINT;
  if (page.endpoint !== undefined && page.endpoint !== addressOf(hub)) {
    // Never sends the token to a host that the person did not name.
    throw new NamedError(
      'UsageError',
      `${checkpoint} is not a page of ${hub}. Name its mirror: --endpoint ${page.endpoint}.`,
    );
  }
  const source = await openHubFolder(page.id, {
    fetch,
    endpoint: hub,
    revision: revision ?? page.revision ?? DEFAULT_REVISION,
    token: process.env['HF_TOKEN'] || undefined,
    signal,
    onRetry: ({ why, waitMs }) => line.note(`${why} Trying again in ${(waitMs / 1000).toFixed(1)} s.`),
  });
  line.note(`${source.id} at commit ${source.commit}`);
  return source;
}

async function convert(args: Arguments): Promise<void> {
  await checkOut(args.checkpoint, args.out);
  if (args.name === '') throw new NamedError('UsageError', '--name is empty. Give a name, or leave it out.');
  const prompts = args.prompts === undefined ? undefined : parsePromptSet(args.prompts);
  const options: ConvertOptions = {
    dtype: parseDtype(args.dtype),
    layout: parseLayout(args.layout),
    restart: args.restart,
    createHash: createNodeHash,
    ...(args.name === undefined ? {} : { name: args.name }),
    ...(prompts === undefined ? {} : { prompts }),
  };
  const started = performance.now();
  const line = new ProgressLine();
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  let unlock = async (): Promise<void> => undefined;
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const plan = await planConversion(await openCheckpoint(args, line, stop.signal), options);
    unlock = await lockFolder(args.out);
    const manifest = await runConversion(plan, nodeFolder(args.out), {
      ...options,
      signal: stop.signal,
      onProgress: ({ phase, done, total, detail }) => line.show(phase, done, total, detail),
    });
    if (!line.wasShown) line.note(`${args.out} holds this model already. --restart converts it again.`);
    line.end();
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    const seconds = (performance.now() - started) / 1000;
    const { name, dtype, parameters } = manifest;
    const files = manifest.files.length;
    if (args.json) console.log(JSON.stringify({ out: args.out, name, dtype, parameters, bytes, files, seconds }));
    else {
      console.log(`${name}: ${(parameters / 1e6).toFixed(1)} M parameters as ${dtype}`);
      console.log(`${(bytes / 1e6).toFixed(1)} MB in ${files} files, ${seconds.toFixed(1)} s: ${args.out}`);
    }
  } finally {
    line.end();
    stop.abort(); // ends prefetching requests
    await unlock();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function parsePromptSet(name: string): PromptSet {
  const set = PROMPT_SETS.find((known) => known === name);
  if (set === undefined)
    throw new NamedError('UsageError', `Unknown prompts "${name}". Use one of: ${PROMPT_SETS.join(', ')}.`);
  return set;
}

void start(command);
