/**
 * Lets the engine work while the person thinks: whenever an image and settings stand and nothing runs, it says what the image
 * costs with these, encodes it, and prefills what stands before the question.
 */
import type { StoreApi } from 'zustand/vanilla';
import type { ImageInfo } from '../protocol/engine-api.ts';
import type { AppState } from './app-state.ts';
import { settingsOf } from './settings-form.ts';
import { isBusy } from './turn-slice.ts';
import type { Workbench } from './workbench.ts';

/** Watches the store from now on. */
export function readAheadOf(store: StoreApi<AppState>, bench: Workbench): void {
  let done = '';
  let planned = '';
  store.subscribe((state) => {
    const { engine, image, imagePending, form } = state;
    const settings = settingsOf(form);
    const connection = bench.connection;
    // After anything that ran the engine may hold another beginning; asking for the same twice costs nothing.
    if (engine.status !== 'ready' || isBusy(state)) done = '';
    if (engine.status !== 'ready' || isBusy(state) || imagePending !== null || connection === null) return;
    if (image === null || settings === null || bench.engineImageId !== image.id) return;
    const { pixelBudget } = settings;
    const plan = [image.id, pixelBudget].join();
    if (plan !== planned) {
      planned = plan;
      const show = (info: ImageInfo): void => {
        const current = store.getState().image;
        if (plan === planned && current?.id === image.id) store.setState({ image: { ...current, info } });
      };
      connection.api.planImage(pixelBudget).then(show, () => undefined);
    }
    const wanted = [image.id, settings.downsample, settings.tool, pixelBudget, settings.maxNewTokens].join();
    if (wanted === done) return;
    done = wanted;
    void connection.api.prefetch(settings).catch(() => undefined); // a worker that dies says so elsewhere
  });
}
