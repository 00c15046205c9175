/**
 * The image in question. Choosing a new one keeps the old one until the new one has proved decodable. An image can be
 * chosen while the model still loads: the browser's own decoder then judges first, and the engine gets it later.
 */
import type { ImageInfo } from '../protocol/engine-api.ts';
import type { ImageSlice } from './app-state.ts';
import { plainError } from './plain-error.ts';
import type { SliceOf, Workbench } from './workbench.ts';

/** The image's slice. */
export function imageSlice(bench: Workbench): SliceOf<ImageSlice> {
  return (set, get) => {
    async function choose(ticket: number, file: Blob, name: string, suggestions: readonly string[]): Promise<void> {
      if (ticket !== bench.imageTicket) return; // a later choice has overtaken this one
      try {
        const blob = isSvg(file, name) ? await bench.deps.rasterizeSvg(file) : file;
        await get().stop();
        const id = ++bench.lastId;
        const info = await introduce(id, blob);
        const before = get().image;
        if (before !== null) URL.revokeObjectURL(before.url);
        const image = { id, name, blob, url: URL.createObjectURL(blob), info, suggestions };
        set({ image, imageError: null, turns: [], comparison: null });
      } catch (thrown) {
        set({ imageError: { ...plainError(thrown), fileName: name } });
      } finally {
        if (ticket === bench.imageTicket) set({ imagePending: null });
      }
    }

    /** Shows the file to the engine, or to the browser's decoder while there is no engine. */
    async function introduce(id: number, blob: Blob): Promise<ImageInfo | null> {
      const connection = bench.connection;
      if (get().engine.status !== 'ready' || connection === null) {
        await bench.deps.checkImage(blob);
        return null;
      }
      const info = await connection.api.setImage(blob);
      if (bench.connection === connection) bench.engineImageId = id;
      return info;
    }

    async function sync(): Promise<void> {
      const { image, engine } = get();
      const connection = bench.connection;
      if (image === null || engine.status !== 'ready' || connection === null) return;
      if (bench.engineImageId === image.id) return;
      try {
        const info = await connection.api.setImage(image.blob);
        if (bench.connection !== connection) return;
        bench.engineImageId = image.id;
        const current = get().image;
        if (current?.id === image.id) set({ image: { ...current, info } });
      } catch (thrown) {
        if (bench.connection === connection) set({ imageError: { ...plainError(thrown), fileName: image.name } });
      }
    }

    function inTurn(step: () => Promise<void>): Promise<void> {
      bench.imageChain = bench.imageChain.then(step);
      return bench.imageChain;
    }

    return {
      image: null,
      imagePending: null,
      imageError: null,

      chooseImage: async (file, name, suggestions = []) => {
        const ticket = ++bench.imageTicket;
        set({ imagePending: name, imageError: null });
        await inTurn(() => choose(ticket, file, name, suggestions));
        await get().syncImage(); // the engine may have become ready meanwhile
      },
      rejectImage: (name, message) => set({ imageError: { name: 'ImageDecodeError', message, fileName: name } }),
      dismissImageError: () => set({ imageError: null }),
      syncImage: () => inTurn(sync),
    };
  };
}

/** Whether a file claims to be an SVG, by type or by name: no worker can render one. */
function isSvg(file: Blob, name: string): boolean {
  return file.type.startsWith('image/svg') || (file.type === '' && name.toLowerCase().endsWith('.svg'));
}
