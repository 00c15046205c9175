/** The bundled model's folder, beside the page. */
export const MODEL_FOLDER = 'models/visionthink-nano/';
