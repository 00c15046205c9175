import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkImports, parseImportTable } from './import-table.ts';

const ROOT = new URL('../../', import.meta.url);
const TABLE = parseImportTable(readFileSync(new URL('docs/architecture.md', ROOT), 'utf8'));

/** The violations of the given files. */
function violationsOf(files: Record<string, string>): readonly string[] {
  return checkImports(TABLE, new Map(Object.entries(files))).violations;
}

/** The TypeScript below a folder, by path. */
function readTree(folder: string): [string, string][] {
  return readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}${name.replaceAll('\\', '/')}`)
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => [file, readFileSync(new URL(file, ROOT), 'utf8')]);
}

describe('the import table', () => {
  it('holds for every file of src/ and workers/', () => {
    const { filesRead, violations } = checkImports(TABLE, new Map([...readTree('src/'), ...readTree('workers/')]));
    expect(filesRead).toBeGreaterThan(0);
    expect(violations).toEqual([]);
  });

  it('names every folder of src/', () => {
    const folders = readdirSync(new URL('src/', ROOT));
    expect(folders.filter((folder) => !TABLE.layers.has(folder))).toEqual([]);
  });

  it('reads who may import whom from docs/architecture.md', () => {
    expect(TABLE.layers.get('shared')).toEqual([]);
    expect(TABLE.layers.get('ui')).toEqual([
      { target: 'shared', typesOnly: false },
      { target: 'protocol', typesOnly: true },
      { target: 'evaluation', typesOnly: false },
      { target: 'store', typesOnly: false },
    ]);
    expect(TABLE.layers.get('engine')?.map(({ target }) => target)).toEqual(['shared', 'protocol', 'model', 'image']);
    expect(TABLE.layers.get('cli')).toEqual(TABLE.layers.get('workers'));
    expect(TABLE.layers.get('cli')?.map(({ target }) => target)).not.toContain('client');
  });

  it('refuses a table that names a layer without a row above', () => {
    expect(() => parseImportTable('| layer | may import |\n| --- | --- |\n| shared | engine |')).toThrow('"engine"');
    expect(() => parseImportTable('# Nothing here')).toThrow('has no table');
  });
});

describe('the import check', () => {
  it('fails when it has read no files', () => {
    expect(() => violationsOf({})).toThrow('No files were read');
  });

  it('follows a backend into both of its hosts', () => {
    const registry = "import { host } from '#host/onnx'; export const all = [host];";
    for (const place of ['web', 'node']) {
      const host = "import { all } from '../../registry.ts'; export const host = all;";
      const files = { 'src/backends/registry.ts': registry, [`src/backends/onnx/${place}/host.ts`]: host };
      expect(violationsOf(files)).toEqual([expect.stringContaining('is a cycle')]);
    }
    expect(violationsOf({ 'workers/a.ts': registry })).toEqual([expect.stringContaining('only backends/registry.ts')]);
  });

  it('passes imports that the table allows', () => {
    expect(
      violationsOf({
        'src/shared/a.ts': 'export const a = 1;',
        'src/engine/backend.ts': "import '../shared/a.ts';",
        'src/backends/onnx/b.ts':
          "import type { S } from '../../engine/backend.ts'; import { a } from '../../shared/a.ts';",
        'src/ui/c.tsx': "import type { T } from '../protocol/turn.ts'; import { useState } from 'react';",
        'src/cli/d.ts': "import '../io/node/files.ts'; import 'node:fs'; import { p } from '../protocol/turn.ts';",
        'workers/e.ts': "import '../src/engine/backend.ts'; import { expose } from 'comlink';",
        'src/client/f.ts': "new Worker(new URL('../../workers/e.ts', import.meta.url), { type: 'module' });",
      }),
    ).toEqual([]);
  });

  it.each([
    ['an import', "import { run } from '../engine/engine.ts';"],
    ['a type', "import type { Engine } from '../engine/engine.ts';"],
    ['an inline type', "export let e: import('../engine/engine.ts').Engine;"],
    ['a re-export', "export { run } from '../engine/engine.ts';"],
    ['a star re-export', "export * from '../engine/engine.ts';"],
    ['a dynamic import', "const engine = await import('../engine/engine.ts');"],
    ['an import without extension', "import { run } from '../engine/engine';"],
  ])('catches ui importing the engine by %s', (_, source) => {
    expect(violationsOf({ 'src/engine/engine.ts': '', 'src/ui/a.tsx': source })).toEqual([
      'src/ui/a.tsx imports engine/engine.ts, which ui may not import',
    ]);
  });

  it('catches ui importing more than types from the protocol', () => {
    const expected = ['src/ui/a.ts imports protocol/turn.ts for more than types: use "import type"'];
    expect(violationsOf({ 'src/ui/a.ts': "import { MODES } from '../protocol/turn.ts';" })).toEqual(expected);
    expect(violationsOf({ 'src/ui/a.ts': "import { type Mode } from '../protocol/turn.ts';" })).toEqual(expected);
  });

  it('catches an engine that imports a backend, and a backend that imports more of the engine than the seam', () => {
    expect(violationsOf({ 'src/engine/a.ts': "import type { R } from '../backends/onnx/runtime.ts';" })).toHaveLength(
      1,
    );
    const files = {
      'src/engine/decoder.ts': '',
      'src/backends/webgpu/a.ts': "import type { D } from '../../engine/decoder.ts';",
    };
    expect(violationsOf(files)).toHaveLength(1);
  });

  it.each([
    ['src/engine/a.ts', 'onnxruntime-web/wasm'],
    ['src/engine/a.ts', 'onnxruntime-common'],
    ['src/engine/a.ts', '@huggingface/transformers'],
    ['src/engine/a.ts', 'node:fs'],
    ['src/io/web/a.ts', 'sharp'],
    ['src/store/a.ts', 'comlink'],
    ['src/store/a.ts', 'react'],
    ['workers/a.ts', '../src/io/node/files.ts'],
    ['src/io/web/a.ts', '../node/files.ts'],
    ['src/ui/a.ts', '../helpers/tiny-model.ts'],
    ['src/ui/a.ts', '/src/engine/engine.ts'],
  ])('catches %s importing %s', (file, specifier) => {
    expect(violationsOf({ [file]: `import '${specifier}';` })).toHaveLength(1);
  });

  it('catches an import of a computed path', () => {
    expect(violationsOf({ 'src/ui/a.ts': 'await import(name);' })).toEqual([
      'src/ui/a.ts imports a path computed at run time',
    ]);
  });

  it('catches a file outside every layer', () => {
    expect(violationsOf({ 'src/stray.ts': "import './shared/errors.ts';" })).toHaveLength(1);
  });

  it('catches a cycle, of types too', () => {
    expect(
      violationsOf({
        'src/model/a.ts': "import './b.ts';",
        'src/model/b.ts': "import type { C } from './c.ts';",
        'src/model/c.ts': "import './a.ts';",
      }),
    ).toEqual(['src/model/a.ts -> src/model/b.ts -> src/model/c.ts -> src/model/a.ts is a cycle']);
  });

  it('fails on a file that cannot be parsed', () => {
    expect(() => violationsOf({ 'src/ui/a.ts': 'import {' })).toThrow('src/ui/a.ts cannot be parsed');
  });
});
