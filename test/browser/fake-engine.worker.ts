/**
 * A scripted engine for looking at the page without a model. It answers every question with the same words, asks for the
 * full image when the question is about text, and fails when the question says so: "please lose the device", "please
 * crash", "please fail". The folder's name sets the pace: a URL that contains `slow-load`, `fail-load` or `slow-turn`.
 */
import { expose } from 'comlink';
import type { EngineApi, EngineInfo, ImageInfo } from '../../src/protocol/engine-api.ts';
import type { LoadEvent, TurnEvent } from '../../src/protocol/events.ts';
import { installErrorTransfer } from '../../src/protocol/thrown-errors.ts';
import type { TextKind } from '../../src/shared/response-tags.ts';
import type {
  Resolution,
  RoundImages,
  RoundResult,
  ToolCall,
  TurnResult,
  TurnSettings,
} from '../../src/protocol/turn.ts';
import { fullOf, halfOf } from '../../src/shared/image-request.ts';
import { NamedError } from '../../src/shared/errors.ts';
import type { RgbImage } from '../../src/shared/rgb-image.ts';

const TOOL_CALL = '{"name": "resize_image", "arguments": {"action": "resize"}}';
const INFO: EngineInfo = {
  backend: {
    backend: 'webgpu',
    title: 'WebGPU',
    build: 'asyncify',
    summary: 'wasm, 1 threads',
    implementation: 'onnx',
    kernels: "onnxruntime's",
    activations: 'f32',
    threads: 1,
    adapter: 'scripted adapter',
    reasons: [
      'WebGPU: the adapter passed the attention check.',
      'The asyncify build: this browser has no JavaScript promise integration.',
      'f32 activations: the adapter does not offer shader-f16.',
    ],
  },
  model: {
    name: 'visionthink-nano',
    dtype: 'q8',
    bytes: 14_600_000,
    parameters: 13_260_000,
    contextLength: 2048,
    tool: { name: 'resize', label: 'resize tool', asksFor: 'the full image', asksAgainFor: 'it a second time' },
    tools: [],
    tags: {
      thinking: ['<think>', '</think>'],
      answer: ['<answer>', '</answer>'],
      toolCall: ['<tool_call>', '</tool_call>'],
    },
    defaultPixelBudget: null,
  },
  loadMs: 1840,
};

let pace = 1;
let image: ImageBitmap | null = null;
let stopRequested = false;

const api: EngineApi = {
  backends: async () => [{ id: 'wasm', label: 'WebAssembly', device: 'cpu' }],
  load: async (source, _backend, onEvent) => {
    const url = source.kind === 'url' ? source.url : '';
    const step = url.includes('slow-load') ? 600 : 40;
    pace = url.includes('slow-turn') ? 6 : 1;
    for (const event of loadEvents()) {
      onEvent(event);
      await sleep(step);
    }
    if (url.includes('fail-load')) {
      throw new NamedError(
        'ModelFolderError',
        'decoder.onnx has 12 bytes, 14,200,000 were expected. Load the page again.',
      );
    }
    return INFO;
  },
  planImage: async () => {
    if (image === null) throw new NamedError('QuestionError', 'There is no image.');
    return infoOf(image);
  },
  addImage: async (file) => ({ image: 0, ...(await api.setImage(file)) }),
  newChat: async () => {
    image = null;
  },
  prefetch: async () => undefined,
  resetCaches: async () => undefined,
  setImage: async (file) => {
    try {
      image = await createImageBitmap(file);
    } catch (cause) {
      throw new NamedError('ImageDecodeError', `The file (${file.size} bytes) is not an image.`, { cause });
    }
    return infoOf(image);
  },
  ask: (question, settings, onEvent) => runTurn(question, settings, onEvent),
  diagnose: async () => null,
  setKernelTiming: async () => undefined,
  stop: async () => {
    stopRequested = true;
    await sleep(30);
  },
};

function infoOf({ width, height }: ImageBitmap): ImageInfo {
  return { width, height, halfTokens: tokensOf(width / 2, height / 2), fullTokens: tokensOf(width, height) };
}

async function runTurn(
  question: string,
  settings: TurnSettings,
  onEvent: (event: TurnEvent) => void,
): Promise<TurnResult> {
  const source = image;
  if (source === null) throw new NamedError('QuestionError', 'There is no image to ask about.');
  if (question.length > 50_000) {
    throw new NamedError('QuestionError', `The question has ${question.length} tokens; 2,048 fit. Shorten it.`);
  }
  stopRequested = false;
  const started = performance.now();
  const rounds: RoundResult[] = [];
  let ttftMs: number | null = null;
  const wantsText = /code|value|total|written|read/i.test(question);
  const last = wantsText && settings.tool && settings.downsample ? 2 : 1;
  for (let round = 1; round <= last && !stopRequested; round += 1) {
    const resolution: Resolution = round === 1 && settings.downsample ? 'half' : 'full';
    const calls = round < last;
    const seen = drawn(source, resolution === 'half' ? 2 : 1);
    const imageSize = { width: seen.width, height: seen.height };
    const visualTokens = tokensOf(seen.width, seen.height);
    const request = resolution === 'half' ? halfOf(0) : fullOf(0);
    const images = [{ request, imageSize, visualTokens }];
    const shown = { resolution, images, imageSize, visualTokens };
    onEvent({ type: 'roundStart', round, ...shown, seen });
    for (const stage of ['preprocess', 'encode', 'prefill', 'decode'] as const) {
      onEvent({ type: 'stage', round, stage, ...(stage === 'prefill' ? { fraction: 0.5 } : {}) });
      await sleep(90 * pace);
    }
    if (question.includes('please lose')) throw new NamedError('DeviceLostError', 'The GPU went away: it was reset.');
    if (question.includes('please fail'))
      throw new NamedError('ContextLengthError', '2,100 tokens do not fit; 2,048 do.');
    if (question.includes('please crash')) setTimeout(() => explode(), 0);
    ttftMs ??= performance.now() - started;
    const thinking = calls ? 'The text is too small to read. I need a closer look.' : 'The image is clear enough.';
    await stream(thinking, 'thinking', round, onEvent);
    if (calls) await stream(TOOL_CALL, 'toolCall', round, onEvent);
    else await stream(wantsText && !settings.tool && settings.downsample ? '5O1E3' : '501E3', 'answer', round, onEvent);
    const toolCall = calls ? { valid: true } : null;
    const result = roundResult(round, shown, toolCall);
    rounds.push(result);
    onEvent({ type: 'roundEnd', round, result });
  }
  const used = rounds.reduce((sum, round) => sum + round.visualTokens, 0);
  const full = tokensOf(source.width, source.height);
  return {
    answer: stopRequested ? '' : settings.downsample && !settings.tool && wantsText ? '5O1E3' : '501E3',
    finishReason: stopRequested ? 'stopped' : 'stop',
    rounds,
    visualTokens: { used, full, ratio: used / full },
    marks: [],
    messages: [],
    droppedImages: 0,
    ttftMs,
    totalMs: performance.now() - started,
  };
}

async function stream(text: string, kind: TextKind, round: number, onEvent: (event: TurnEvent) => void): Promise<void> {
  for (const delta of text.match(/\s?\S+|\s/g) ?? []) {
    if (stopRequested) return;
    onEvent({ type: 'text', round, kind, delta });
    await sleep(40 * pace);
  }
}

function roundResult(round: number, shown: RoundImages, toolCall: ToolCall | null): RoundResult {
  const timings = { preprocessMs: 6.2, encodeMs: 48.5 * round, prefillMs: 31.4 * round, decodeMs: 210.9 };
  const promptTokens = round === 1 ? 89 : 388;
  const computedTokens = round === 1 ? 89 : 272;
  const shared = {
    ...shown,
    promptTokens,
    computedTokens,
    recomputedTokens: 0,
    draftedTokens: 0,
    acceptedTokens: 0,
    toolCall,
  };
  return { ...shared, tokenIds: [6, 20, 30, 7, 8, 40, 9, 2], text: '<think>…</think>', timings };
}

function* loadEvents(): Generator<LoadEvent> {
  const total = INFO.model.bytes;
  yield { type: 'loadProgress', phase: 'probe', loaded: 0, total: 1, detail: 'GPU adapter' };
  for (let i = 0; i <= 8; i += 1) {
    yield { type: 'loadProgress', phase: 'download', loaded: (total * i) / 8, total, detail: 'decoder.onnx' };
  }
  yield { type: 'loadProgress', phase: 'compile', loaded: 1, total: 3, detail: 'vision' };
  yield { type: 'loadProgress', phase: 'compile', loaded: 2, total: 3, detail: 'decoder' };
  yield { type: 'loadProgress', phase: 'check', loaded: 0, total: 1, detail: 'attention check' };
}

function drawn(source: ImageBitmap, divisor: number): RgbImage {
  const width = Math.floor(source.width / divisor);
  const height = Math.floor(source.height / divisor);
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (context === null) throw new Error('no 2d context');
  context.drawImage(source, 0, 0, width, height);
  const rgba = context.getImageData(0, 0, width, height).data;
  return { width, height, data: rgba.filter((_, index) => index % 4 !== 3) as unknown as Uint8Array };
}

function tokensOf(width: number, height: number): number {
  return Math.max(1, Math.round(width / 28)) * Math.max(1, Math.round(height / 28));
}

function explode(): never {
  throw new Error('scripted crash');
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

installErrorTransfer();
expose(api);
