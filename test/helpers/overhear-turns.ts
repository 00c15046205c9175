/** Token ids of the page's turns, which the page does not show, and those of the engine on Node to compare them with. */
import { openAsBlob } from 'node:fs';
import type { Page } from 'playwright-core';
import { openNodeModel } from '../../src/cli/node-engine.ts';
import { createNodeImageDecoder } from '../../src/io/node/node-image-decoder.ts';
import { DEFAULT_SETTINGS, type TurnResult } from '../../src/protocol/turn.ts';

/** Runs in the page before its scripts: keeps every turn's result that a worker sends. */
export function overhearTurns(): void {
  const turns: unknown[] = [];
  Object.assign(globalThis, {
    overheardTurns: turns,
    Worker: class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        this.addEventListener('message', ({ data }: MessageEvent<{ value?: { rounds?: unknown } } | null>) => {
          if (data?.value?.rounds !== undefined) turns.push(data.value);
        });
      }
    },
  });
}

/** The turns that {@link overhearTurns} has kept. */
export function overheardTurns(page: Page): Promise<readonly TurnResult[]> {
  return page.evaluate<TurnResult[]>('overheardTurns');
}

/** A question about an image, for the model in a folder. */
export interface NodeTurn {
  readonly folder: string;
  /** Path of the image. */
  readonly image: string;
  readonly question: string;
  readonly maxNewTokens?: number;
}

/** The answer of the engine on Node. */
export async function turnOnNode({ folder, image, question, maxNewTokens }: NodeTurn): Promise<TurnResult> {
  const { engine } = await openNodeModel({ directory: folder, backend: 'cpu' });
  try {
    await engine.setImage(await createNodeImageDecoder().decode(await openAsBlob(image)));
    const limit = maxNewTokens === undefined ? {} : { maxNewTokens };
    return await engine.ask(question, { ...DEFAULT_SETTINGS, ...limit }, () => undefined);
  } finally {
    await engine.dispose();
  }
}
