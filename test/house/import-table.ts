/**
 * The import table of docs/architecture.md as rules, and their violations. Works on file contents by path, so that tests can
 * pass synthetic ones; does not read the disk.
 */
import path from 'node:path';
import { parseSync } from 'oxc-parser';

/** The permitted imports between layers. Layers are folders of src/, and `workers`. */
export interface ImportTable {
  /** Per layer: layers, or single files of layers, that it may import. */
  readonly layers: ReadonlyMap<string, readonly Allowed[]>;
  /** Packages (`*` at the end: any ending) and folders that only some layers or folders may import. */
  readonly reserved: readonly Reserved[];
}

interface Allowed {
  /** `protocol`, or `backends/onnx/runtime.ts` for one file. */
  readonly target: string;
  readonly typesOnly: boolean;
}

interface Reserved {
  readonly target: string;
  readonly by: readonly string[];
}

/** One import, re-export, dynamic import or `import('...')` type. */
interface Import {
  /** undefined: computed at run time. */
  readonly specifier: string | undefined;
  readonly typesOnly: boolean;
}

/** The result of `checkImports`. */
interface CheckedImports {
  readonly filesRead: number;
  /** One sentence each. */
  readonly violations: readonly string[];
}

/** Reads the tables `layer | may import` and `package or folder | may be imported by`. Throws when one is not there. */
export function parseImportTable(markdown: string): ImportTable {
  const layers = new Map<string, Allowed[]>();
  for (const [names, targets] of tableRows(markdown, 'layer', 'may import')) {
    const above = [...layers.keys()];
    for (const name of list(names)) layers.set(name, targetsOf(targets, above));
  }
  const reserved = tableRows(markdown, 'package or folder', 'may be imported by').flatMap(([targets, by]) =>
    list(targets).map((target) => ({ target, by: list(by) })),
  );
  return { layers, reserved };
}

function tableRows(markdown: string, ...header: [string, string]): [string, string][] {
  const lines = markdown.split('\n').map((line) => line.trim());
  const start = lines.indexOf(`| ${header.join(' | ')} |`);
  if (start < 0) throw new Error(`docs/architecture.md has no table "| ${header.join(' | ')} |".`);
  const rows: [string, string][] = [];
  for (const line of lines.slice(start + 2)) {
    const [, left, right] = /^\| ([^|]+) \| ([^|]+) \|$/.exec(line) ?? [];
    if (left === undefined || right === undefined) break;
    rows.push([left, right]);
  }
  if (rows.length === 0) throw new Error(`The table "| ${header.join(' | ')} |" of docs/architecture.md has no rows.`);
  return rows;
}

function list(cell: string): string[] {
  return cell.split(',').map((item) => item.trim());
}

function targetsOf(cell: string, above: readonly string[]): Allowed[] {
  if (cell === 'nothing') return [];
  if (cell === 'everything above') return above.map((target) => ({ target, typesOnly: false }));
  return list(cell).map((item) => {
    const target = item.replace(/ \(types\)$/, '');
    if (!above.includes(target.split('/')[0] ?? '')) {
      throw new Error(
        `docs/architecture.md: "${item}" is no layer of a row above, optionally with a file or "(types)".`,
      );
    }
    return { target, typesOnly: target !== item };
  });
}

/** Checks every import of `files` (contents by path from the repository's root). Throws when there are none. */
export function checkImports(table: ImportTable, files: ReadonlyMap<string, string>): CheckedImports {
  if (files.size === 0) throw new Error('No files were read: the import table was checked against nothing.');
  const violations: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, source] of files) {
    const edges: string[] = [];
    for (const found of importsOf(file, source)) {
      const { specifier } = found;
      const target = specifier === undefined ? undefined : resolve(file, specifier, files);
      if (target !== undefined && files.has(target)) edges.push(target);
      edges.push(...hostsOf(specifier).filter((host) => files.has(host)));
      const problem = problemOf(table, file, target, found);
      if (problem !== undefined) violations.push(`${file} ${problem}`);
    }
    graph.set(file, edges);
  }
  violations.push(...cyclesOf(graph).map((cycle) => `${cycle.join(' -> ')} is a cycle`));
  return { filesRead: files.size, violations };
}

/** The violation of an import, or undefined. `target`: the path of a relative import. */
function problemOf(table: ImportTable, file: string, target: string | undefined, found: Import): string | undefined {
  const { specifier, typesOnly } = found;
  const from = placeOf(file);
  const layer = from.split('/')[0] ?? '';
  const allowed = table.layers.get(layer);
  if (allowed === undefined) return `belongs to no layer of the table`;
  if (specifier === undefined) return 'imports a path computed at run time';

  const to = target === undefined ? specifier : placeOf(target);
  const owner = table.reserved.find((rule) => covers(rule.target, to) && !covers(rule.target, from));
  if (owner !== undefined && !owner.by.some((place) => covers(place, from))) {
    return `imports ${to}, which only ${owner.by.join(', ')} may import`;
  }
  if (target === undefined || to.split('/')[0] === layer) return undefined;

  const permission = allowed.find((candidate) => covers(candidate.target, to));
  if (permission === undefined) return `imports ${to}, which ${layer} may not import`;
  if (permission.typesOnly && !typesOnly) return `imports ${to} for more than types: use "import type"`;
  return undefined;
}

/** A path as the table names it: without `src/`; what lies outside src/ and workers/ stays as it is. */
function placeOf(file: string): string {
  return file.startsWith('src/') ? file.slice('src/'.length) : file;
}

/** Whether a table entry stands for a place or package: itself, what lies below it, or any ending where it ends with `*`. */
function covers(entry: string, place: string): boolean {
  if (entry.endsWith('*')) return place.startsWith(entry.slice(0, -1));
  return place === entry || place.startsWith(`${entry}/`);
}

/** The files that `#host/NAME` stands for: the one in a browser and the one in Node (package.json, `imports`). */
function hostsOf(specifier = ''): readonly string[] {
  const name = /^#host\/(.+)$/.exec(specifier)?.[1];
  return name === undefined ? [] : ['web', 'node'].map((place) => `src/backends/${name}/${place}/host.ts`);
}

function importsOf(file: string, source: string): Import[] {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message}`);
  const found: Import[] = [];
  visit(program, found);
  return found;
}

/** Walks the syntax tree, of which only plain objects, arrays and these few node types matter. */
function visit(node: unknown, found: Import[]): void {
  if (Array.isArray(node)) for (const child of node) visit(child, found);
  if (!isRecord(node)) return;
  if (node['type'] === 'ImportDeclaration') add(node['source'], node['importKind'] === 'type', found);
  if (node['type'] === 'ExportNamedDeclaration' || node['type'] === 'ExportAllDeclaration') {
    if (node['source'] !== null) add(node['source'], node['exportKind'] === 'type', found);
  }
  if (node['type'] === 'ImportExpression') add(node['source'], false, found);
  if (node['type'] === 'TSImportType') add(node['source'] ?? node['argument'], true, found);
  for (const child of Object.values(node)) if (typeof child === 'object') visit(child, found);
}

function add(source: unknown, typesOnly: boolean, found: Import[]): void {
  const value = isRecord(source) && source['type'] === 'Literal' ? source['value'] : undefined;
  found.push({ specifier: typeof value === 'string' ? value : undefined, typesOnly });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The path a relative specifier stands for, Vite's `?url` and the like left out; undefined for packages. */
function resolve(file: string, specifier: string, files: ReadonlyMap<string, string>): string | undefined {
  const bare = specifier.replace(/\?.*$/, '');
  if (bare.startsWith('/')) return bare.slice(1);
  if (!bare.startsWith('.')) return undefined;
  const target = path.posix.join(path.posix.dirname(file), bare);
  const candidates = [target, `${target}.ts`, `${target}.tsx`, `${target}/index.ts`];
  return candidates.find((candidate) => files.has(candidate)) ?? target;
}

/** Every cycle that a depth-first walk closes, as the files along it with the first repeated at the end. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const walk = (file: string): void => {
    const start = trail.indexOf(file);
    if (start >= 0) cycles.push([...trail.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    trail.push(file);
    for (const next of graph.get(file) ?? []) walk(next);
    trail.pop();
    done.add(file);
  };
  for (const file of graph.keys()) walk(file);
  return cycles;
}
