/** transformers.js with its own onnxruntime-web: elsewhere in the site it is a tokenizer only. vite.config.ts resolves them. */
declare module '@huggingface/transformers?upstream' {
  export * from '@huggingface/transformers';
}
