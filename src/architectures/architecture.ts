/**
 * What the converter, the engine and the backends need of a model architecture. An architecture is one folder beside this
 * file and one line in registry.ts; nothing else names it. The sizes of one model of it, and everything that follows from
 * them, are a {@link ModelDefinition}.
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
  /** The class that config.json's `architectures` must name where it has any. */
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
}

/** The graphs that an architecture builds; the attention check follows from the sizes alone. */
export type ArchitectureGraph = Exclude<GraphName, 'attention_check'>;

/** Adds a graph's inputs, nodes and outputs to the context's graph. Names: onnx/graph-names.ts. */
export type GraphBuilderFunction = (context: GraphContext) => void;

/** One model of an architecture: what running it takes. */
export interface ModelDefinition {
  /** `model_type` of its architecture. */
  readonly modelType: string;
  /** Plain JSON; goes into the manifest. */
  readonly config: ModelConfig;
  /**
   * The image processor's settings, from the parsed preprocessor_config.json (`{}` where the checkpoint has none).
   * @throws ModelFolderError naming the key, its value and what is allowed
   */
  parseProcessor(json: unknown): ProcessorSettings;
  /** How messages are framed. */
  readonly chat: ChatFormat;
  readonly positions: PositionTables;
  /** What the vision encoder's graph takes of an image beside its `pixel_values`, by the names of the graph's inputs. */
  visionInputs(grid: PatchGrid): VisionInputs;
  /** What our WGSL kernels compute in place of the graphs; absent: the graphs run. */
  readonly kernels?: KernelConfig;
  /** The same with what converting it takes, which an engine's worker never loads: import it here, not at the top of the file. */
  conversion(): Promise<ConvertibleModel>;
}

/** A model, and what converting it takes. */
export interface ConvertibleModel extends ModelDefinition {
  readonly checkpoint: CheckpointTensors;
  /** Where the output projection is tied to the embedding. */
  readonly tiedHead?: TiedHead;
  /** Our graphs. */
  readonly graphs: Readonly<Record<ArchitectureGraph, GraphBuilderFunction>>;
  /** The graphs and settings that transformers.js loads; absent: the converter refuses that layout. */
  readonly transformersJs?: TransformersJsSupport;
  /** tokenizer.json for a checkpoint that has only a vocabulary and its merges; absent: such checkpoints are refused. */
  tokenizerJson?(vocabulary: Vocabulary): JsonObject;
  /** Original images larger than this, in pixels, are scaled down by the usual image processor of the architecture. */
  readonly usualMaxPixels: number;
}

/**
 * The positions of a sequence, as the decoder's graph takes them: a row of cosines and one of sines for every slot of the KV
 * cache, so that an architecture may count positions in as many dimensions as it likes.
 */
export interface PositionTables {
  /** Elements of a row: headDim / 2. */
  readonly rowLength: number;
  /** Fills whole tables `[slots, rowLength]` for a prompt of `spans` and the text that will follow it. */
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

/** The tensors of a checkpoint. Graphs ask for them by canonical names, which the architecture chooses. */
export interface CheckpointTensors {
  /** Canonical name to shape, linear weights as `[out, in]`, in the order of the forward pass. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** What a checkpoint may call a canonical tensor, most usual first; of a tied output projection, the embedding. */
  spellings(canonical: string): readonly string[];
  /** Names that only a checkpoint of more layers than its config.json says would have. */
  readonly beyond: readonly string[];
  /** Matrices whose canonical names begin with one of these keep 8 bits where the others have 4. */
  readonly keptAtEight: readonly string[];
}

/** An output projection that is the embedding's matrix, unless a checkpoint brings another one all the same. */
export interface TiedHead {
  /** What a checkpoint calls its own output projection. */
  readonly ownNames: readonly string[];
  /** Canonical name of the embedding. */
  readonly embedding: string;
  /** The same model with an output projection of its own. */
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

/** A token beside the vocabulary, in the spelling of tokenizer.json. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

/** What transformers.js needs beside our own graphs. */
export interface TransformersJsSupport {
  /** To be built after our graphs, over the same data files. */
  readonly graphs: Readonly<Record<ArchitectureGraph, GraphBuilderFunction>>;
  /** config.json as transformers.js reads it, from the checkpoint's own; the converter adds `transformers.js_config`. */
  config(original: JsonObject): JsonObject;
  /** preprocessor_config.json with the names of transformers.js' classes. */
  processor(original: JsonObject): JsonObject;
}

/** A model of given sizes, to be made of random weights: as fast as one of trained weights. */
export interface Preset {
  /** What the model is called in a report. */
  readonly name: string;
  /** config.json without token ids, which come with a tokenizer. */
  readonly config: JsonObject;
  /** preprocessor_config.json. */
  readonly processor: JsonObject;
}
