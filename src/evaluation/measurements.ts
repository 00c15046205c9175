/** Everything the benchmark can measure. */
import type { EngineName, Probe } from '../protocol/bench-api.ts';

/** A synthetic picture to measure with. */
export interface SyntheticPicture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/** A question about a picture of the site. */
export interface BenchQuestion {
  readonly picture: string;
  readonly question: string;
}

/** The inputs of a measurement. */
export interface ProbeInput {
  /** New tokens a measurement of decode steps takes. */
  readonly steps: number;
  /** Questions about the bundled examples. */
  readonly questions: readonly BenchQuestion[];
}

/** One measurement, taken repeatedly. */
export interface Measurement {
  /** Its name in a page's address. */
  readonly id: string;
  readonly title: string;
  /** The meaning of a time, in one sentence. */
  readonly what: string;
  readonly byDefault: boolean;
  readonly engines: readonly EngineName[];
  /** Invented pictures it needs. */
  readonly pictures: readonly SyntheticPicture[];
  /** `growth`: the probes are asked in turn as often as the plan says, and memory is compared. */
  readonly kind: 'times' | 'growth';
  /** Probes that take turns; each is asked as often as the plan says, or `once`. */
  readonly probes: (input: ProbeInput) => readonly Probe[];
  readonly once?: boolean;
}

const DOT: SyntheticPicture = { name: 'dot', width: 56, height: 56 };
const LARGE: SyntheticPicture = { name: '1280 x 960', width: 1280, height: 960 };
const square = (side: number): SyntheticPicture => ({ name: `${side} x ${side}`, width: side, height: side });

const QUESTION = 'What is written on the sign in the middle?';
/** Replaces round 1, so that both engines follow the same call. */
const TOOL_CALL =
  '<think>The text is too small.</think>' +
  '<tool_call>{"name": "resize_image", "arguments": {"action": "resize"}}</tool_call>';
/** The image was chosen this long before the question was asked. */
const CHOSEN_BEFORE_MS = 5000;
/** Tokens a round of an answer may take. */
const ANSWER_TOKENS = 112;
const BOTH: readonly EngineName[] = ['ours', 'upstream'];

const decode = (cachedTokens: number): Measurement => ({
  id: `decode${cachedTokens}`,
  title: `Decode step, ${cachedTokens} cached`,
  what: 'One new token, greedy, without speculative decoding.',
  byDefault: true,
  engines: BOTH,
  pictures: [DOT],
  kind: 'times',
  probes: ({ steps }) => [{ kind: 'decode', picture: DOT.name, cachedTokens, newTokens: steps }],
});

const firstToken = ({
  id,
  title,
  ...probe
}: Pick<Measurement, 'id' | 'title'> & Pick<Probe & { kind: 'firstToken' }, 'prefetch' | 'profile'>): Measurement => ({
  id,
  title,
  what: probe.prefetch
    ? 'Question to first token at half resolution; only this app prefetches before the question.'
    : 'Question to first token at half resolution, from the decoded picture.',
  byDefault: true,
  engines: BOTH,
  pictures: [LARGE],
  kind: 'times',
  probes: () => [{ kind: 'firstToken', picture: LARGE.name, question: QUESTION, chosenMs: CHOSEN_BEFORE_MS, ...probe }],
});

const preprocess = (picture: SyntheticPicture): Measurement => ({
  id: `preprocess${picture.width}`,
  title: `Preprocessing, ${picture.width} × ${picture.height}`,
  what: 'Decoded picture to patches, with Qwen2.5-VL’s own limits.',
  byDefault: true,
  engines: BOTH,
  pictures: [picture],
  kind: 'times',
  probes: () => [{ kind: 'preprocess', picture: picture.name }],
});

/** All of them, in the order in which they are measured. */
export const MEASUREMENTS: readonly Measurement[] = [
  decode(512),
  decode(4096),
  {
    id: 'imageTurn',
    title: 'Prefill, 1280 × 960 in full',
    what: 'Encoding the picture and prefilling the prompt, with nothing cached.',
    byDefault: true,
    engines: BOTH,
    pictures: [LARGE],
    kind: 'times',
    probes: () => [{ kind: 'imageTurn', picture: LARGE.name, question: QUESTION }],
  },
  {
    id: 'round2',
    title: 'Round 2, 1280 × 960',
    what: 'End of the tool call to the first token behind the full picture.',
    byDefault: true,
    engines: BOTH,
    pictures: [LARGE],
    kind: 'times',
    probes: () => [{ kind: 'round2', picture: LARGE.name, question: QUESTION, toolCall: TOOL_CALL }],
  },
  firstToken({ id: 'firstToken', title: 'First token, picture chosen 5 s before', prefetch: true }),
  firstToken({ id: 'firstTokenCold', title: 'First token, the same without prefetch', prefetch: false }),
  preprocess(square(1022)),
  preprocess(square(2044)),
  {
    id: 'answers',
    title: 'Whole answer, smart mode',
    what: 'Decoded picture to answer, for the bundled examples; both rounds where the model asks for the second.',
    byDefault: true,
    engines: BOTH,
    pictures: [],
    kind: 'times',
    once: true,
    probes: ({ questions }) =>
      questions.map((question) => ({ kind: 'answer', ...question, maxNewTokens: ANSWER_TOKENS })),
  },
  {
    id: 'growth',
    title: 'Memory over many questions',
    what: 'Bytes held after ten questions, and after the last.',
    byDefault: false,
    engines: ['ours'],
    pictures: [{ name: 'small', width: 448, height: 336 }],
    kind: 'growth',
    probes: () => [
      { kind: 'answer', picture: 'small', question: QUESTION, maxNewTokens: 8 },
      { kind: 'round2', picture: 'small', question: QUESTION, toolCall: TOOL_CALL },
    ],
  },
  {
    id: 'profile',
    title: 'Decode step, counted',
    what: 'The GPU work of a step; slower than an uncounted one.',
    byDefault: false,
    engines: BOTH,
    pictures: [DOT],
    kind: 'times',
    probes: ({ steps }) => [{ kind: 'decode', picture: DOT.name, cachedTokens: 512, newTokens: steps, profile: true }],
  },
  {
    id: 'profilePrefill',
    title: 'Prefill, counted',
    what: 'The GPU work of a prefill; slower than an uncounted one.',
    byDefault: false,
    engines: ['ours'],
    pictures: [LARGE],
    kind: 'times',
    probes: () => [{ kind: 'imageTurn', picture: LARGE.name, question: QUESTION, profile: true }],
  },
  {
    ...firstToken({ id: 'profileFirstToken', title: 'First token, counted', prefetch: true, profile: true }),
    byDefault: false,
    engines: ['ours'],
  },
];
