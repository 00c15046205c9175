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
import type { EngineSession, SliceOf } from './engine-session.ts';

/** The image's slice. */
export function imageSlice(session: EngineSession): SliceOf<ImageSlice> {
  return (set, get) => {
    /** Resolves to the new image's id; null when the file did not become the image. */
    async function choose(
      choice: number,
      file: Blob,
      name: string,
      suggestions: readonly string[],
    ): Promise<number | null> {
      if (!session.isLatestImageChoice(choice)) return null; // a later choice has overtaken this one
      try {
        const [blob, ...frames] = await picturesOf(file);
        if (isBusy(get())) {
          await session.deps.checkImage(blob); // an undecodable file must not abort the running turn
          await get().stop();
        }
        const id = session.nextId();
        const info = await introduce(id, blob, frames);
        const preview = await session.deps.previewImage(blob).catch(() => blob);
        const before = get().image;
        if (before !== null) URL.revokeObjectURL(before.url);
        const image = { id, name, blob, frames, url: URL.createObjectURL(preview), info, suggestions };
        set({ image, imageError: null, turns: [], comparison: null, region: null });
        return id;
      } catch (thrown) {
        set({ imageError: { ...plainError(thrown), fileName: name } });
        return null;
      } finally {
        if (session.isLatestImageChoice(choice)) set({ imagePending: null });
      }
    }

    /** Gives the file to the engine, or to the browser's decoder while there is no engine. */
    async function introduce(id: number, blob: Blob, frames: readonly Blob[]): Promise<ImageInfo | null> {
      if (get().engine.status === 'ready' && session.api !== null) return session.sendImage(id, blob, frames);
      await session.deps.checkImage(blob);
      return null;
    }

    /** The pictures of a file: a video's frames, or the one picture it is. */
    async function picturesOf(file: Blob): Promise<readonly [Blob, ...Blob[]]> {
      if (file.type.startsWith('video/')) return session.deps.videoFrames(file);
      return [(await isSvg(file)) ? await session.deps.rasterizeSvg(file) : file];
    }

    async function sync(): Promise<void> {
      const { image, engine } = get();
      if (image === null || engine.status !== 'ready' || session.holdsImage(image.id)) return;
      try {
        const info = await session.sendImage(image.id, image.blob, image.frames);
        const current = get().image;
        if (info !== null && current?.id === image.id) set({ image: { ...current, info } });
      } catch (thrown) {
        set({ imageError: { ...plainError(thrown), fileName: image.name } });
        // The browser could decode it, but the engine refused it. If the engine broke, the next one may accept it.
        if (!REFUSALS.includes(plainError(thrown).name) || get().image?.id !== image.id) return;
        URL.revokeObjectURL(image.url);
        set({ image: null, region: null });
        get().failQueued({
          name: 'ImageDecodeError',
          message: 'The image cannot be used; see the message at the picture.',
        });
      }
    }

    return {
      image: null,
      imagePending: null,
      imageError: null,
      filesLeftOut: 0,

      chooseImage: async (file, name, suggestions = []) => {
        const choice = session.nextImageChoice();
        set({ imagePending: name, imageError: null, filesLeftOut: 0 });
        let blob: Blob;
        try {
          blob = await file; // others may be chosen while it is fetched
        } catch (thrown) {
          if (session.isLatestImageChoice(choice))
            set({ imagePending: null, imageError: { ...plainError(thrown), fileName: name } });
          return false;
        }
        let id: number | null = null;
        await session.changeImage(async () => {
          id = await choose(choice, blob, name, suggestions);
        });
        await get().syncImage(); // the engine may have become ready meanwhile
        return id !== null && get().image?.id === id;
      },
      chooseImageOf: async (files, name) => {
        const [first] = files;
        if (first === undefined) return get().rejectImage(name, 'It holds no file. Drop an image file.');
        const file = files.find(({ type }) => /^(image|video)\//.test(type)) ?? first;
        if (await get().chooseImage(file, file.name || name)) set({ filesLeftOut: files.length - 1 });
      },
      rejectImage: (name, message) => set({ imageError: { name: 'ImageDecodeError', message, fileName: name } }),
      dismissImageError: () => set({ imageError: null }),
      syncImage: () => session.changeImage(sync),
    };
  };
}

/** Errors that concern the image, not the engine. */
const REFUSALS: readonly string[] = ['ImageDecodeError', 'ImageTooLargeError', 'ImageShapeError'] satisfies ErrorName[];

/** Whether a file is an SVG, whatever it is called: no worker can render one. */
async function isSvg(file: Blob): Promise<boolean> {
  return file.type.startsWith('image/svg') || looksLikeSvg(await file.slice(0, SVG_LOOK_BYTES).text());
}
