/**
 * A backend without weights: every token is its id, or a mark of its image's pixels; a sequence is a list of these, and a script
 * looks at the whole list and chooses the next token. A sequence that is used wrongly throws or gives wrong tokens.
 */
import type {
  Backend,
  ForwardOptions,
  ForwardResult,
  ImageFeatures,
  PendingToken,
  Sequence,
  TextModel,
  TokenInput,
  VisionModel,
} from '../../src/engine/backend.ts';
import type { PreprocessedImage } from '../../src/image/patchify.ts';
import type { Span } from '../../src/model/span.ts';

/** Which token follows a sequence, and (for sampling) the logits. Images' tokens are negative. */
export interface Script {
  next(sequence: readonly number[]): number;
  logits?(sequence: readonly number[]): Float32Array;
}

/** One piece of work. */
export interface RecordedRun {
  readonly kind: 'encode' | 'forward';
  /** Patches (encode) or tokens (forward) of this run. */
  readonly tokens: number;
  /** Forward only: tokens the sequence holds after this run. */
  readonly total: number;
}

/** Options of a scripted backend. */
export interface ScriptedOptions {
  readonly vocabSize: number;
  readonly script: Script;
  /** Bytes of a token's features as it reports them; not given: 32. */
  readonly bytesPerToken?: number;
  /** Whether awaiting a run leaves the thread free; not given: yes. */
  readonly leavesThreadFree?: boolean;
  /** Whether decode is pipelined and prefill runs are long; not given: no. */
  readonly pipelined?: boolean;
  /** Called before the token of a pipelined step arrives; may wait, or throw. */
  readonly beforeArrival?: () => void | Promise<void>;
  /** Called before a run; may throw, wait, or stop the engine. */
  readonly beforeRun?: (run: RecordedRun) => void | Promise<void>;
  /** Makes opening a sequence fail. */
  readonly failAllocation?: () => boolean;
}

/** An object that holds device memory until it is disposed of. */
type Owned = Features | ScriptedSequence;

/** The backend. */
export class ScriptedBackend implements Backend {
  readonly leavesThreadFree: boolean;
  readonly pipelined: boolean;
  readonly vocabSize: number;
  readonly vision: VisionModel;
  readonly text: TextModel;
  readonly failsAllocation: () => boolean;
  script: Script;
  beforeRun: ((run: RecordedRun) => void | Promise<void>) | undefined;
  beforeArrival: () => void | Promise<void>;
  readonly runs: RecordedRun[] = [];
  /** Features and sequences that have not been disposed of. */
  readonly allocated = new Set<Owned>();
  disposed = false;
  /** Steps in flight now, and their maximum so far. */
  inFlight = 0;
  mostInFlight = 0;
  /** Runs in progress now, and their maximum so far. */
  running = 0;
  mostRunning = 0;

  constructor(options: ScriptedOptions) {
    this.leavesThreadFree = options.leavesThreadFree ?? true;
    this.pipelined = options.pipelined ?? false;
    this.vocabSize = options.vocabSize;
    this.script = options.script;
    this.beforeRun = options.beforeRun;
    this.beforeArrival = options.beforeArrival ?? (() => new Promise((resolve) => setTimeout(resolve, 3)));
    this.failsAllocation = options.failAllocation ?? (() => false);
    this.vision = { bytesPerToken: options.bytesPerToken ?? 32, encode: (image) => this.#encode(image) };
    this.text = {
      vocabSize: options.vocabSize,
      prefillChunk: this.pipelined ? 2048 : 512,
      open: async (capacity) => {
        if (this.failsAllocation()) throw new Error('out of device memory');
        return this.pipelined ? new PipelinedSequence(this, capacity) : new ScriptedSequence(this, capacity);
      },
    };
  }

  /** Forward runs recorded so far, decode steps included. */
  get forwardRuns(): readonly RecordedRun[] {
    return this.runs.filter(({ kind }) => kind === 'forward');
  }

  /** Does one piece of work, and records it. */
  async run<T>(record: RecordedRun, work: () => T): Promise<T> {
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      await this.beforeRun?.(record);
      if (this.leavesThreadFree) await new Promise((resolve) => setImmediate(resolve));
      this.runs.push(record);
      return work();
    } finally {
      this.running--;
    }
  }

  notes(): readonly string[] {
    return [];
  }

  async dispose(): Promise<void> {
    this.disposed = true;
  }

  /** Every visual token is a mark of the image's pixels, smaller than any slot's mark. */
  #encode(image: PreprocessedImage): Promise<ImageFeatures> {
    const patches = image.gridThw[1] * image.gridThw[2];
    return this.run({ kind: 'encode', tokens: patches, total: 0 }, () => {
      const sum = image.pixelValues().reduce((a, b) => a + Math.abs(b), 0);
      return new Features(this, patches / 4, -1 - (Math.round(sum * 10) % 1_000_000));
    });
  }
}

class Features implements ImageFeatures {
  readonly tokens: number;
  readonly mark: number;
  readonly #backend: ScriptedBackend;

  constructor(backend: ScriptedBackend, tokens: number, mark: number) {
    this.tokens = tokens;
    this.mark = mark;
    this.#backend = backend;
    backend.allocated.add(this);
  }

  async read(): Promise<Float32Array> {
    return new Float32Array(this.tokens).fill(this.mark);
  }

  async computed(): Promise<void> {}

  dispose(): void {
    this.#backend.allocated.delete(this);
  }
}

class ScriptedSequence implements Sequence {
  capacity: number;
  protected readonly backend: ScriptedBackend;
  /** Ids, and marks of images. */
  protected readonly tokens: number[] = [];
  #layout: readonly ('text' | 'image')[] | null = null;

  constructor(backend: ScriptedBackend, capacity: number) {
    this.capacity = capacity;
    this.backend = backend;
    backend.allocated.add(this);
  }

  get length(): number {
    return this.tokens.length;
  }

  setLayout(spans: readonly Span[]): void {
    this.#layout = spans.flatMap((span) =>
      new Array<'text' | 'image'>(span.kind === 'text' ? span.tokens : span.grid.height * span.grid.width).fill(
        span.kind,
      ),
    );
    this.#checkLayout(0);
  }

  async forward(inputs: readonly TokenInput[], { logitsRows, wantLogits }: ForwardOptions): Promise<ForwardResult> {
    const added = inputs.flatMap((input) => this.#marksOf(input));
    if (added.length === 0) throw new Error('a run has tokens');
    const { vocabSize } = this.backend;
    const total = this.length + added.length;
    return this.backend.run({ kind: 'forward', tokens: added.length, total }, () => {
      this.append(added);
      const ends = Array.from({ length: logitsRows }, (_, i) => this.tokens.slice(0, total - logitsRows + 1 + i));
      const { script } = this.backend;
      const rows = ends.map((end) => script.logits?.(end) ?? new Float32Array(vocabSize));
      return {
        greedy: ends.map((end) => script.next(end)),
        logits: wantLogits ? Float32Array.from(rows.flatMap((row) => [...row])) : null,
      };
    });
  }

  async truncate(length: number): Promise<void> {
    this.tokens.splice(length);
  }

  async grow(capacity: number): Promise<void> {
    if (!this.backend.allocated.has(this)) throw new Error('growth of a sequence that was disposed of');
    if (this.backend.failsAllocation()) throw new Error('out of device memory');
    this.capacity = Math.max(this.capacity, capacity);
  }

  dispose(): void {
    this.backend.allocated.delete(this);
  }

  protected append(added: readonly number[]): void {
    if (!this.backend.allocated.has(this)) throw new Error('a run of a sequence that was disposed of');
    if (this.length + added.length > this.capacity) throw new Error('the sequence is full');
    this.tokens.push(...added);
    this.#checkLayout(this.length - added.length);
  }

  /** Throws for a token from `first` on that contradicts the layout. After the prompt everything is text. */
  #checkLayout(first: number): void {
    const layout = this.#layout;
    if (layout === null) throw new Error('setLayout() comes before a run');
    for (let i = first; i < this.length; i++) {
      const kind = layout[i] ?? 'text';
      if (((this.tokens[i] ?? 0) < 0 ? 'image' : 'text') !== kind) throw new Error(`token ${i} is no ${kind}`);
    }
  }

  #marksOf(input: TokenInput): readonly number[] {
    if (input.kind === 'ids') return input.ids;
    const { features, first, count } = input;
    if (!(features instanceof Features)) throw new Error('features of another backend');
    if (!this.backend.allocated.has(features)) throw new Error('features that were disposed of');
    if (first + count > features.tokens) throw new Error('more features than there are');
    return new Array<number>(count).fill(features.mark);
  }
}

/** A sequence with pipelined decode. */
class PipelinedSequence extends ScriptedSequence {
  /** The token of the last step. */
  #last: number | null = null;

  async decodeAhead(id: number | null): Promise<PendingToken> {
    const taken = id ?? this.#last;
    if (taken === null) throw new Error('there is no step before');
    const { backend } = this;
    const next = await backend.run({ kind: 'forward', tokens: 1, total: this.length + 1 }, () => {
      this.append([taken]);
      this.#last = backend.script.next(this.tokens);
      return this.#last;
    });
    return { token: this.#arrive(next) };
  }

  async #arrive(token: number): Promise<number> {
    const { backend } = this;
    backend.mostInFlight = Math.max(backend.mostInFlight, ++backend.inFlight);
    try {
      await backend.beforeArrival();
      return token;
    } finally {
      backend.inFlight--;
    }
  }
}
