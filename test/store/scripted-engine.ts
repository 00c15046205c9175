/** An engine for store tests: every call waits for the test to settle it. */
import type { EngineConnection } from '../../src/client/engine-client.ts';
import type { ChatContext } from '../../src/protocol/chat.ts';
import type { EngineInfo, ImageInfo } from '../../src/protocol/engine-api.ts';
import type { TurnEvent } from '../../src/protocol/events.ts';
import type { RoundResult, TurnResult, TurnSettings } from '../../src/protocol/turn.ts';
import { halfOf } from '../../src/shared/image-request.ts';
import { NamedError } from '../../src/shared/errors.ts';

/** The scripted model's info. */
export const ENGINE_INFO: EngineInfo = {
  backend: {
    backend: 'wasm',
    title: 'WebAssembly',
    build: 'wasm',
    summary: 'wasm, 1 threads',
    implementation: 'onnx',
    kernels: "onnxruntime's",
    activations: 'f32',
    threads: 1,
    adapter: '',
    reasons: [],
  },
  model: {
    name: 'scripted',
    dtype: 'q8',
    bytes: 1,
    parameters: 1,
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
  loadMs: 1,
};

/** The scripted model's info of every image. */
export const IMAGE_INFO: ImageInfo = { width: 448, height: 448, halfTokens: 64, fullTokens: 256 };

/** A round that answered from the half image. */
export const ROUND: RoundResult = {
  resolution: 'half',
  images: [{ request: halfOf(0), imageSize: { width: 224, height: 224 }, visualTokens: 64 }],
  imageSize: { width: 224, height: 224 },
  visualTokens: 64,
  promptTokens: 80,
  computedTokens: 80,
  recomputedTokens: 0,
  draftedTokens: 0,
  acceptedTokens: 0,
  tokenIds: [2],
  text: '',
  toolCall: null,
  timings: { preprocessMs: 1, encodeMs: 1, prefillMs: 1, decodeMs: 1 },
};

/** A result of one round, with some fields changed. */
export function resultOf(changes: Partial<TurnResult>): TurnResult {
  const visualTokens = { used: 64, full: 256, ratio: 0.25 };
  const told = { answer: '5', finishReason: 'stop', rounds: [ROUND], visualTokens, marks: [] } as const;
  return { ...told, messages: [], droppedImages: 0, ttftMs: 1, totalMs: 2, ...changes };
}

/** A question the engine was asked, to be settled by the test. */
export interface PendingAsk {
  readonly question: string;
  readonly settings: TurnSettings;
  readonly emit: (event: TurnEvent) => void;
  readonly chat: ChatContext | undefined;
  readonly resolve: (result: TurnResult) => void;
  readonly reject: (error: unknown) => void;
}

/** One scripted worker and what was done to it. */
export interface ScriptedEngine {
  readonly connection: EngineConnection;
  readonly asks: PendingAsk[];
  readonly images: Blob[];
  readonly finishLoad: (error?: unknown) => void;
  readonly crash: () => void;
  readonly isDisposed: () => boolean;
}

/** Starts a scripted worker. It cannot decode files of type `text/plain` and refuses `image/x-thin`; `stop` ends the last question. */
export function scriptedEngine(): ScriptedEngine {
  const asks: PendingAsk[] = [];
  const images: Blob[] = [];
  let disposed = false;
  let finishLoad: (error?: unknown) => void = () => undefined;
  let crash: (error: NamedError) => void = () => undefined;
  const loaded = new Promise<EngineInfo>((resolve, reject) => {
    finishLoad = (error) => (error === undefined ? resolve(ENGINE_INFO) : reject(error));
  });
  const crashed = new Promise<NamedError>((resolve) => {
    crash = resolve;
  });
  const connection: EngineConnection = {
    api: {
      backends: async () => [{ id: 'wasm', label: 'WebAssembly', device: 'cpu' }],
      load: () => loaded,
      planImage: async ({ pixelBudget }) =>
        pixelBudget === null ? IMAGE_INFO : { ...IMAGE_INFO, halfTokens: 16, fullTokens: 64 },
      prefetch: async () => undefined,
      resetCaches: async () => undefined,
      addImage: async (file) => {
        images.push(file);
        return { image: images.length - 1, ...IMAGE_INFO };
      },
      newChat: async () => undefined,
      setImage: async (file) => {
        if (file.type === 'text/plain') throw new NamedError('ImageDecodeError', 'Not an image.');
        if (file.type === 'image/x-thin') throw new NamedError('ImageShapeError', 'Too thin.');
        images.push(file);
        return IMAGE_INFO;
      },
      ask: (question, settings, emit, chat) =>
        new Promise((resolve, reject) => {
          asks.push({ question, settings, emit, chat, resolve, reject });
        }),
      diagnose: async () => null,
      setKernelTiming: async () => undefined,
      stop: async () => asks.at(-1)?.resolve(resultOf({ answer: '', finishReason: 'stopped' })),
    },
    crashed,
    dispose: () => {
      disposed = true;
    },
  };
  return {
    connection,
    asks,
    images,
    finishLoad: (error) => finishLoad(error),
    crash: () => {
      const error = new NamedError('RuntimeUnavailableError', 'The worker stopped.');
      asks.at(-1)?.reject(error);
      crash(error);
    },
    isDisposed: () => disposed,
  };
}

/** Waits until all pending callbacks have run. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
