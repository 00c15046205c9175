/**
 * The interface of a model architecture to the converter, the engine and the backends. An architecture is one folder next to
 * this file and one line in registry.ts; nothing else names it. A {@link ModelDefinition} holds the sizes of one model and
 * everything derived from them.
 */
import type { ChatFormat } from '../model/chat-format.ts';
import type { GraphName } from '../model/manifest.ts';
import type { ModelConfig } from '../model/model-config.ts';
import type { ProcessorSettings } from '../model/processor-settings.ts';
import type { Span } from '../model/span.ts';
import type { GraphContext } from '../onnx/weight-layout.ts';
import type { TextConfig } from '../model/text-config.ts';
import type { VisionConfig } from '../model/vision-config.ts';
import type { JsonObject } from '../shared/json.ts';

/** A kind of model, as Hugging Face's `model_type` distinguishes them. */
export interface Architecture {
  /** `model_type` of config.json and `architecture` of the manifest. */
  readonly modelType: string;
  /** The class that config.json's `architectures` must name if it names any. */
  readonly className: string;
  /** Well-known models of this architecture, for messages: `Qwen2.5-VL and VisionThink`. */
  readonly examples: string;
  /**
   * The model that a checkpoint holds.
   * @param config config.json, parsed
   * @param generationConfig generation_config.json, parsed; undefined when there is none
   * @throws CheckpointError when a size or setting is missing, absurd or not supported
   */
  fromCheckpoint(config: unknown, generationConfig: unknown): ModelDefinition;
  /**
   * The model that a model folder holds.
   * @param config the manifest's model config, parsed JSON
   * @throws ModelFolderError when a field is missing or impossible
   */
  fromManifest(config: unknown): ModelDefinition;
  /** Models to measure with random weights, by the names they are asked for by, which no other architecture uses. */
  readonly presets?: Readonly<Record<string, Preset>>;
}

/** The graphs that an architecture builds; the attention self-test's graph follows from the sizes alone. */
export type ArchitectureGraph = Exclude<GraphName, 'attention_check'>;

/** Adds a graph's inputs, nodes and outputs to the context's graph. Names: onnx/graph-names.ts. */
export type GraphBuilderFunction = (context: GraphContext) => void;

/** One model of an architecture, as needed to run it. */
export interface ModelDefinition {
  /** `model_type` of its architecture. */
  readonly modelType: string;
  /** Plain JSON, stored in the manifest. */
  readonly config: ModelConfig;
  /**
   * The image processor's settings, from the parsed preprocessor_config.json (`{}` if the checkpoint has none).
   * @throws ModelFolderError naming the key, its value and what is allowed
   */
  parseProcessor(json: unknown): ProcessorSettings;
  /** How messages are framed. */
  readonly chat: ChatFormat;
  readonly positions: PositionTables;
  /** Inputs of the vision encoder's graph other than `pixel_values`, by name. */
  visionInputs(grid: PatchGrid): VisionInputs;
  /** What our WGSL kernels compute in place of the graphs; absent: the graphs run. */
  readonly kernels?: KernelConfig;
  /** The same model with everything needed to convert it, which an engine's worker never loads: import it here, not at the top of the file. */
  conversion(): Promise<ConvertibleModel>;
}

/** A model, as needed to convert it. */
export interface ConvertibleModel extends ModelDefinition {
  readonly checkpoint: CheckpointTensors;
  /** Set if the output projection is tied to the embedding. */
  readonly tiedHead?: TiedHead;
  /** Our graphs. */
  readonly graphs: Readonly<Record<ArchitectureGraph, GraphBuilderFunction>>;
  /** The graphs and settings that transformers.js loads; absent: the converter refuses that layout. */
  readonly transformersJs?: TransformersJsSupport;
  /** Builds tokenizer.json for a checkpoint with only a vocabulary and merges; absent: such checkpoints are refused. */
  tokenizerJson?(vocabulary: Vocabulary): JsonObject;
  /** Original images larger than this, in pixels, are scaled down by the usual image processor of the architecture. */
  readonly usualMaxPixels: number;
}

/**
 * The positions of a sequence as the decoder's graph reads them: a row of cosines and a row of sines for every slot of the KV
 * cache, so that an architecture may count positions in as many dimensions as it likes.
 */
export interface PositionTables {
  /** Elements of a row: headDim / 2. */
  readonly rowLength: number;
  /** Fills whole tables `[slots, rowLength]` for a prompt of `spans` and the text that follows it. */
  fillPrompt(cos: Float32Array, sin: Float32Array, spans: readonly Span[]): void;
}

/** A model of the kind that our kernels compute, its weights in the graphs' initializers. */
export interface KernelConfig {
  readonly text: TextConfig;
  readonly vision: VisionConfig;
  readonly positions: PositionTables;
  planWindows(grid: PatchGrid): WindowPlan;
}

/** Everything the vision tower needs to know about a grid of patches. Window order: window by window, patches of a group together. */
export interface WindowPlan {
  /** `[groups]`: the merge group (image order) at each place in window order. */
  readonly windowIndex: Uint32Array<ArrayBuffer>;
  /** Patches of each window; those at the right and lower edges may be smaller. */
  readonly windowSizes: readonly number[];
  /** `[patches, headDim / 2]`, in window order. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** Rows and columns of the patches of an image. */
export interface PatchGrid {
  readonly height: number;
  readonly width: number;
}

/** Inputs of the vision encoder's graph by name. Integers are i64; floats take the activations' type. */
export type VisionInputs = Readonly<Record<string, VisionInput>>;

/** One input; `dims` is its shape. */
export interface VisionInput {
  readonly values: BigInt64Array | Float32Array;
  readonly dims: readonly number[];
}

/** The tensors of a checkpoint. Graphs request them by canonical names, which the architecture chooses. */
export interface CheckpointTensors {
  /** Canonical name to shape, linear weights as `[out, in]`, in the order of the forward pass. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Possible checkpoint names of a canonical tensor, most common first; for a tied output projection, the embedding's. */
  spellings(canonical: string): readonly string[];
  /** Names that occur only in a checkpoint with more layers than its config.json says. */
  readonly beyond: readonly string[];
  /** Matrices whose canonical names begin with one of these keep 8 bits where the others have 4. */
  readonly eightBitPrefixes: readonly string[];
}

/** An output projection tied to the embedding, unless the checkpoint contains a different one. */
export interface TiedHead {
  /** Possible checkpoint names of a separate output projection. */
  readonly ownNames: readonly string[];
  /** Canonical name of the embedding. */
  readonly embedding: string;
  /** The same model with a separate output projection. */
  untied(): ModelDefinition;
}

/** A byte-level BPE vocabulary as a slow tokenizer of transformers saves it. */
export interface Vocabulary {
  /** vocab.json: token to id. */
  readonly vocab: JsonObject;
  /** Lines of merges.txt: two tokens and a space between them, most frequent first. */
  readonly merges: readonly string[];
  readonly addedTokens: readonly AddedToken[];
}

/** A token beyond the vocabulary, with tokenizer.json's field names. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

/** What transformers.js needs in addition to our graphs. */
export interface TransformersJsSupport {
  /** Built after our graphs, over the same data files. */
  readonly graphs: Readonly<Record<ArchitectureGraph, GraphBuilderFunction>>;
  /** config.json as transformers.js reads it, from the checkpoint's own; the converter adds `transformers.js_config`. */
  config(original: JsonObject): JsonObject;
  /** preprocessor_config.json with the names of transformers.js' classes. */
  processor(original: JsonObject): JsonObject;
}

/** A model of given sizes with random weights, which runs as fast as one with trained weights. */
export interface Preset {
  /** The model's name in a report. */
  readonly name: string;
  /** Set for no real model, which no list offers. */
  readonly forTests?: boolean;
  /** config.json without token ids, which come with a tokenizer. */
  readonly config: JsonObject;
  /** preprocessor_config.json. */
  readonly processor: JsonObject;
}
