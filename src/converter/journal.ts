/**
 * The journal of an unfinished conversion: a file in the target folder that records the source and the tensors written so
 * far. Each line is JSON, appended only after what it records is on the disk, so that a crash at any point leaves a journal
 * that never claims too much; a truncated last line is ignored. The next run resumes from the journal; a finished conversion
 * removes it.
 */
import { NamedError } from '../shared/errors.ts';
import type { FileRecord } from '../model/manifest.ts';
import type { FileSource, Folder, RandomAccessFile } from '../shared/files.ts';
import { isObject, tryParseJson } from '../shared/json.ts';

/** Its name in the folder. */
export const JOURNAL_FILE = 'conversion.journal';

/** Stored in every journal. Raise it when the same checkpoint yields different bytes in the same places. */
const CONVERTER_VERSION = 1;

/** The inputs of a conversion: two runs with equal facts write equal bytes. */
export interface ConversionFacts {
  readonly source: string;
  /** Set if the source is a repository. */
  readonly commit?: string | undefined;
  readonly dtype: string;
  readonly layout: string;
  /** Hash of where every weight lies. */
  readonly regions: string;
  /** For each file with weights, a value that changes when its content does. */
  readonly versions: Readonly<Record<string, string>>;
  /** Bytes of all tensors that are read. */
  readonly readBytes: number;
  /** Data files that will be written, with their sizes. */
  readonly outputs: Readonly<Record<string, number>>;
}

/** An open journal. */
export class Journal {
  /** Tensors that are in the folder. */
  readonly tensors = new Set<string>();
  /** Data files that are complete, with their hashes. */
  readonly hashes = new Map<string, string>();
  readonly #file: RandomAccessFile;
  #end: number;
  #isOpen = true;

  private constructor(file: RandomAccessFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** Starts a journal, replacing one that may be there. */
  static async start(folder: Folder, facts: ConversionFacts): Promise<Journal> {
    const first = line({ format: 'visionthink-conversion', converter: CONVERTER_VERSION, facts });
    await folder.put(JOURNAL_FILE, first);
    return new Journal(await folder.open(JOURNAL_FILE), first.length);
  }

  /**
   * Opens the journal in a folder; undefined when there is none, or one without a finished tensor.
   * @throws ResumeError when it records tensors of something other than `facts`, with advice to finish that or start over
   */
  static async resume(folder: Folder, facts: ConversionFacts): Promise<Journal | undefined> {
    const blob = await folder.blob(JOURNAL_FILE);
    if (blob === undefined) return undefined;
    const text = await blob.text();
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const [first = '', ...rest] = whole.split('\n').slice(0, -1);
    const other = difference(tryParseJson(first), facts, folder.name);
    if (other !== undefined && rest.length === 0) return undefined;
    if (other !== undefined) throw other;
    const journal = new Journal(await folder.open(JOURNAL_FILE), new TextEncoder().encode(whole).length);
    for (const entry of rest) journal.#apply(tryParseJson(entry));
    try {
      await journal.#file.truncate(journal.#end);
    } catch (thrown) {
      await journal.close();
      throw thrown;
    }
    return journal;
  }

  /** Records that all rows of a tensor are on disk. `bytes`: its size in the checkpoint. */
  async addTensor(name: string, bytes: number): Promise<void> {
    await this.#append({ tensor: name, bytes });
  }

  /** Records that these tensors are no longer in the folder. */
  async forget(names: readonly string[]): Promise<void> {
    await this.#append({ forget: names });
  }

  /** Records that a data file is complete. */
  async addHash(path: string, sha256: FileRecord['sha256']): Promise<void> {
    await this.#append({ file: path, sha256 });
  }

  /** Closes the file. Closing twice does nothing. */
  async close(): Promise<void> {
    if (this.#isOpen) await this.#file.close();
    this.#isOpen = false;
  }

  async #append(entry: unknown): Promise<void> {
    const bytes = line(entry);
    await this.#file.write(bytes, this.#end);
    await this.#file.flush();
    this.#end += bytes.length;
    this.#apply(entry);
  }

  #apply(entry: unknown): void {
    if (!isObject(entry)) return;
    const { tensor, forget, file, sha256 } = entry;
    if (typeof tensor === 'string') this.tensors.add(tensor);
    if (Array.isArray(forget)) {
      for (const name of forget) this.tensors.delete(String(name));
      this.hashes.clear();
    }
    if (typeof file === 'string' && typeof sha256 === 'string') this.hashes.set(file, sha256);
  }
}

/** The data files that a journal in this folder lists, whatever its source; none when there is no journal. */
export async function journalOutputs(folder: Folder): Promise<string[]> {
  const text = await (await folder.blob(JOURNAL_FILE))?.text();
  const header = tryParseJson(text?.split('\n')[0] ?? '');
  const facts = isObject(header) ? header['facts'] : undefined;
  const paths = isObject(facts) && isObject(facts['outputs']) ? Object.keys(facts['outputs']) : [];
  return paths.filter((path) => !path.split('/').includes('..'));
}

/** Progress of the conversion that a journal records, in bytes of the checkpoint; undefined without a readable journal. */
export async function journalProgress(folder: FileSource): Promise<{ done: number; total: number } | undefined> {
  const text = await (await folder.blob(JOURNAL_FILE))?.text();
  const [first, ...rest] = (text ?? '').split('\n').map(tryParseJson).filter(isObject);
  const total = isObject(first?.['facts']) ? first['facts']['readBytes'] : undefined;
  if (typeof total !== 'number') return undefined;
  const bytes = new Map<string, number>();
  for (const { tensor, bytes: size, forget } of rest) {
    if (typeof tensor === 'string' && typeof size === 'number') bytes.set(tensor, size);
    if (Array.isArray(forget)) for (const name of forget) bytes.delete(String(name));
  }
  return { done: [...bytes.values()].reduce((sum, size) => sum + size, 0), total };
}

function line(entry: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(entry)}\n`);
}

/** The ResumeError for a journal of something else; undefined when it matches `facts`. */
function difference(header: unknown, facts: ConversionFacts, folder: string): NamedError | undefined {
  const found = isObject(header) && isObject(header['facts']) ? header['facts'] : {};
  const refuse = (what: string, fix: string): NamedError =>
    new NamedError(
      'ResumeError',
      `${folder} holds an unfinished conversion, started ${what}. Nothing of it is lost. ${fix}, or choose another folder, or ` +
        'start over in this one (--restart).',
    );
  for (const key of ['source', 'dtype', 'layout'] as const) {
    if (found[key] === facts[key]) continue;
    return refuse(
      `with ${key} ${String(found[key])}, not ${facts[key]}`,
      `Finish it with ${key} ${String(found[key])}`,
    );
  }
  const versions = isObject(found['versions']) ? found['versions'] : {};
  const changed = Object.keys(facts.versions).find((path) => versions[path] !== facts.versions[path]);
  if (changed !== undefined) {
    const commit = found['commit'];
    const isCommit = typeof commit === 'string';
    return refuse(
      `before ${changed} of ${facts.source} changed${isCommit ? ` (commit ${commit} then, ${facts.commit ?? 'unknown'} now)` : ''}`,
      isCommit ? `Finish it with --revision ${commit}` : 'Put the earlier files back to finish it',
    );
  }
  const converter = isObject(header) ? header['converter'] : undefined;
  if (converter !== CONVERTER_VERSION || found['regions'] !== facts.regions) {
    return refuse('by another version of this converter', 'Finish it with that version');
  }
  return undefined;
}
