/** transformers.js with its own onnxruntime-web: elsewhere in the site it is a tokenizer only. vite.config.ts tells them apart. */
declare module '@huggingface/transformers?stock' {
  export * from '@huggingface/transformers';
}
