import { describe, expect, it } from 'vitest';
import { modelIn } from '../../src/store/picked-folder.ts';

const folder = (name: string, ...paths: string[]) => ({
  name,
  files: paths.map((path) => ({ path, blob: new Blob([path]) })),
});
const found = (name: string, ...paths: string[]) => {
  const { name: chosen, files } = modelIn(folder(name, ...paths));
  return [chosen, ...files.map(({ path }) => path)];
};

describe('the model in a folder that was picked', () => {
  it('is the folder itself when it is one', () => {
    expect(found('m', 'config.json', 'model.safetensors')).toEqual(['m', 'config.json', 'model.safetensors']);
    expect(found('m', 'manifest.json', 'onnx/config.json')).toEqual(['m', 'manifest.json', 'onnx/config.json']);
  });

  it('is the only one inside', () => {
    expect(found('models', 'notes.txt', 'a/b/manifest.json', 'a/b/onnx/x')).toEqual(['b', 'manifest.json', 'onnx/x']);
  });

  it('is not guessed where there are two, or none', () => {
    expect(found('models', 'a/manifest.json', 'b/manifest.json')[0]).toBe('models');
    expect(found('pictures', 'a/b.png')).toEqual(['pictures', 'a/b.png']);
  });
});
