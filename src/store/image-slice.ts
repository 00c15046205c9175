/**
 * The image in question. Choosing a new one keeps the old one until the new one has proved decodable. An image can be
 * chosen while the model still loads: the browser's own decoder then judges first, and the engine gets it later.
 */
import type { ImageInfo } from '../protocol/engine-api.ts';
import type { ErrorName } from '../shared/errors.ts';
import { looksLikeSvg, SVG_LOOK_BYTES } from '../shared/svg.ts';
import type { ImageSlice } from './app-state.ts';
import { plainError } from './plain-error.ts';
import { isBusy } from './turn-slice.ts';
import type { SliceOf, Workbench } from './workbench.ts';

/** The image's slice. */
export function imageSlice(bench: Workbench): SliceOf<ImageSlice> {
  return (set, get) => {
    /** Resolves to the new image's id; null when it did not become one. */
    async function choose(
      ticket: number,
      file: Blob,
      name: string,
      suggestions: readonly string[],
    ): Promise<number | null> {
      if (ticket !== bench.imageTicket) return null; // a later choice has overtaken this one
      try {
        const blob = (await isSvg(file)) ? await bench.deps.rasterizeSvg(file) : file;
        if (isBusy(get())) {
          await bench.deps.checkImage(blob); // a file that is none stops nothing
          await get().stop();
        }
        const id = ++bench.lastId;
        const info = await introduce(id, blob);
        const before = get().image;
        if (before !== null) URL.revokeObjectURL(before.url);
        const image = { id, name, blob, url: URL.createObjectURL(blob), info, suggestions };
        set({ image, imageError: null, turns: [], comparison: null });
        return id;
      } catch (thrown) {
        set({ imageError: { ...plainError(thrown), fileName: name } });
        return null;
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
        if (bench.connection !== connection) return;
        set({ imageError: { ...plainError(thrown), fileName: image.name } });
        // The browser could decode it, the engine will not have it. An engine that has broken may have it the next time.
        if (!REFUSALS.includes(plainError(thrown).name) || get().image?.id !== image.id) return;
        URL.revokeObjectURL(image.url);
        set({ image: null });
        get().failQueued({
          name: 'ImageDecodeError',
          message: 'The image cannot be used; see the message at the picture.',
        });
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
      filesLeftOut: 0,

      chooseImage: async (file, name, suggestions = []) => {
        const ticket = ++bench.imageTicket;
        set({ imagePending: name, imageError: null, filesLeftOut: 0 });
        let blob: Blob;
        try {
          blob = await file; // others may be chosen while it is fetched
        } catch (thrown) {
          if (ticket === bench.imageTicket)
            set({ imagePending: null, imageError: { ...plainError(thrown), fileName: name } });
          return false;
        }
        let id: number | null = null;
        await inTurn(async () => {
          id = await choose(ticket, blob, name, suggestions);
        });
        await get().syncImage(); // the engine may have become ready meanwhile
        return id !== null && get().image?.id === id;
      },
      chooseImageOf: async (files, name) => {
        const [first] = files;
        if (first === undefined) return get().rejectImage(name, 'It holds no file. Drop an image file.');
        const file = files.find(({ type }) => type.startsWith('image/')) ?? first;
        if (await get().chooseImage(file, file.name || name)) set({ filesLeftOut: files.length - 1 });
      },
      rejectImage: (name, message) => set({ imageError: { name: 'ImageDecodeError', message, fileName: name } }),
      dismissImageError: () => set({ imageError: null }),
      syncImage: () => inTurn(sync),
    };
  };
}

/** What is wrong with an image, not with the engine. */
const REFUSALS: readonly string[] = ['ImageDecodeError', 'ImageTooLargeError', 'ImageShapeError'] satisfies ErrorName[];

/** Whether a file is an SVG, whatever it is called: no worker can render one. */
async function isSvg(file: Blob): Promise<boolean> {
  return file.type.startsWith('image/svg') || looksLikeSvg(await file.slice(0, SVG_LOOK_BYTES).text());
}
