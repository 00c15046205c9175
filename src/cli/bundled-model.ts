/** The model folder that comes with the app. */
import { fileURLToPath } from 'node:url';

/** Its path. */
export const BUNDLED_MODEL = fileURLToPath(new URL('../../public/models/visionthink-nano', import.meta.url));
