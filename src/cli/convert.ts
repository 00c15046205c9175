/**
 * npm run -s convert -- CHECKPOINT_DIR OUT_DIR --dtype fp32|fp16|q8|q4|q4f16 [--name NAME] [--prompts efficient|general|chat]
 *   [--layout visionthink|transformers.js] [--json]
 */
import { realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { convertCheckpoint } from '../converter/convert.ts';
import { DTYPES, parseDtype } from '../converter/precision.ts';
import { LAYOUTS, parseLayout } from '../converter/layouts.ts';
import { nodeFolder, nodeSink } from '../io/node/node-folder.ts';
import { PROMPT_SETS, type PromptSet } from '../model/prompts.ts';
import { MANIFEST_FILE, parseManifest } from '../model/manifest.ts';
import { NamedError } from '../shared/errors.ts';
import { tryParseJson } from '../shared/json.ts';
import { start } from './start.ts';

const command = defineCommand({
  meta: { name: 'convert', description: 'Turns a Qwen2.5-VL checkpoint folder into a model folder for the browser.' },
  args: {
    checkpoint: { type: 'positional', required: true, description: 'Folder as Hugging Face saves it' },
    out: { type: 'positional', required: true, description: 'Folder to write' },
    dtype: { type: 'string', default: 'q4f16', description: DTYPES.join(' | ') },
    name: { type: 'string', description: "The model's name; the checkpoint folder's by default" },
    prompts: { type: 'string', description: `${PROMPT_SETS.join(' | ')}, when the checkpoint brings no prompts.json` },
    layout: {
      type: 'string',
      default: 'visionthink',
      description: `${LAYOUTS.join(' | ')}: the latter also loads in stock transformers.js`,
    },
    json: { type: 'boolean', default: false, description: 'Print one JSON object as the last line' },
  },
  async run({ args }) {
    await convert(args);
  },
});

/** A folder that can be written: not the checkpoint itself, and without the model folder that may have been there. */
async function prepareOut(checkpoint: string, out: string): Promise<void> {
  const found = await stat(out).catch(() => null);
  if (found === null) return;
  if (!found.isDirectory()) throw new NamedError('UsageError', `${out} is a file. Give a folder to write.`);
  if ((await realpath(out)) === (await realpath(checkpoint))) {
    throw new NamedError('UsageError', `${out} is the checkpoint itself. Give another folder to write.`);
  }
  const blob = await nodeFolder(out).blob(MANIFEST_FILE);
  if (blob === undefined) return;
  const { files } = parseManifest(tryParseJson(await blob.text()));
  // The manifest goes first: a folder without one is no model folder, whatever happens now.
  for (const path of [MANIFEST_FILE, ...files.map((file) => file.path)]) await rm(join(out, path), { force: true });
}

interface Arguments {
  readonly checkpoint: string;
  readonly out: string;
  readonly dtype: string;
  readonly name?: string | undefined;
  readonly prompts?: string | undefined;
  readonly layout: string;
  readonly json: boolean;
}

async function convert(args: Arguments): Promise<void> {
  const found = await stat(args.checkpoint).catch(() => null);
  if (!found?.isDirectory()) {
    throw new NamedError(
      'UsageError',
      `${args.checkpoint} is no folder. Give the folder a checkpoint was downloaded to.`,
    );
  }
  await prepareOut(args.checkpoint, args.out);
  if (args.name === '') throw new NamedError('UsageError', '--name is empty. Give a name, or leave it out.');
  const prompts = args.prompts === undefined ? undefined : parsePromptSet(args.prompts);
  const started = performance.now();
  let shown = -1;
  const manifest = await convertCheckpoint(nodeFolder(args.checkpoint), nodeSink(args.out), {
    dtype: parseDtype(args.dtype),
    layout: parseLayout(args.layout),
    ...(args.name === undefined ? {} : { name: args.name }),
    ...(prompts === undefined ? {} : { prompts }),
    onProgress: ({ written, total, detail }) => {
      const percent = Math.floor((100 * written) / total);
      if (percent === shown) return;
      shown = percent;
      process.stderr.write(`\r${String(percent).padStart(3)} %  ${detail.slice(0, 90).padEnd(90)}`);
    },
  });
  process.stderr.write('\n');
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const seconds = (performance.now() - started) / 1000;
  const summary = {
    out: args.out,
    name: manifest.name,
    dtype: manifest.dtype,
    parameters: manifest.parameters,
    bytes,
    files: manifest.files.length,
    seconds,
  };
  if (args.json) console.log(JSON.stringify(summary));
  else {
    console.log(`${manifest.name}: ${(manifest.parameters / 1e6).toFixed(1)} M parameters as ${manifest.dtype}`);
    console.log(
      `${(bytes / 1e6).toFixed(1)} MB in ${manifest.files.length} files, ${seconds.toFixed(1)} s: ${args.out}`,
    );
  }
}

function parsePromptSet(name: string): PromptSet {
  const set = PROMPT_SETS.find((known) => known === name);
  if (set === undefined)
    throw new NamedError('UsageError', `Unknown prompts "${name}". Use one of: ${PROMPT_SETS.join(', ')}.`);
  return set;
}

void start(command);
