/**
 * Speculative prefill while the person thinks: whenever an image and settings are chosen and nothing runs, the engine reports what
 * the image costs, encodes it, and prefills the prompt before the question.
 */
import type { StoreApi } from 'zustand/vanilla';
import type { ImageInfo } from '../protocol/engine-api.ts';
import type { AppState } from './app-state.ts';
import { settingsOf } from './settings-form.ts';
import { chatOf } from './thread.ts';
import { isBusy } from './turn-slice.ts';
import type { EngineSession } from './engine-session.ts';

/** Watches the store from now on. */
export function prefetchOnChange(store: StoreApi<AppState>, session: EngineSession): void {
  let done = '';
  let planned = '';
  store.subscribe((state) => {
    const { engine, image, imagePending, form } = state;
    const settings = settingsOf(form);
    const { api } = session;
    // After any turn the engine may have another prefix cached; repeating the same prefetch costs nothing.
    if (engine.status !== 'ready' || isBusy(state)) done = '';
    if (engine.status !== 'ready' || isBusy(state) || imagePending !== null || api === null) return;
    if (image === null || settings === null || !session.holdsImage(image.id)) return;
    const { pixelBudget, minPixels } = settings;
    const plan = [image.id, pixelBudget, minPixels].join();
    if (plan !== planned) {
      planned = plan;
      const show = (info: ImageInfo): void => {
        const current = store.getState().image;
        if (plan === planned && current?.id === image.id) store.setState({ image: { ...current, info } });
      };
      api.planImage({ pixelBudget, minPixels }).then(show, () => undefined);
    }
    const { downsample, tool, toolName, maxNewTokens, maxRounds } = settings;
    const requested = [plan, downsample, tool, toolName, maxNewTokens, maxRounds].join();
    const chat = chatOf(state);
    const known = [requested, chat?.history.length, JSON.stringify(chat?.images)].join();
    if (known === done) return;
    done = known;
    void api.prefetch(settings, chat).catch(() => undefined); // the connection reports a worker that dies
  });
}
