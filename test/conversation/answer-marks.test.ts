/** Boxes and points in answers: every format, where they lie in the picture, and text that is none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findMarks, type MarkedView, placeMark } from '../../src/conversation/answer-marks.ts';
import { ANSWER, openScripted, picture, respond } from '../helpers/scripted-engine.ts';
import { DEFAULT_SETTINGS, type TurnResult } from '../../src/protocol/turn.ts';

/** What was found, without where. */
function found(text: string): readonly unknown[] {
  return findMarks(text).map(({ numbers, label }) => (label === null ? numbers : [label, ...numbers]));
}

describe('marks in an answer', () => {
  it.each<[string, string, readonly unknown[]]>([
    ['a box as JSON', '{"bbox_2d": [1, 2, 30.5, 40]}', [[1, 2, 30.5, 40]]],
    [
      'a list in a code fence',
      'Here:\n```json\n[\n  {"bbox_2d": [1, 2, 3, 4], "label": "cat"},\n  {"bbox_2d": [5, 6, 7, 8], "label": "dog"}\n]\n```',
      [
        ['cat', 1, 2, 3, 4],
        ['dog', 5, 6, 7, 8],
      ],
    ],
    ['a list that was cut off', '[{"bbox_2d": [1, 2, 3, 4], "label": "cat"}, {"bbox_2d": [5, 6', [['cat', 1, 2, 3, 4]]],
    ['points as JSON', '[{"point_2d": [10, 20], "label": "eye"}]', [['eye', 10, 20]]],
    ['text content beside a box', '{"bbox_2d": [1, 2, 3, 4], "text_content": "EXIT"}', [['EXIT', 1, 2, 3, 4]]],
    [
      'several boxes of one object',
      "{'bbox_2d': [[1, 2, 3, 4], [5, 6, 7, 8]], 'label': 'birds'}",
      [
        ['birds', 1, 2, 3, 4],
        ['birds', 5, 6, 7, 8],
      ],
    ],
    [
      'tokens for boxes and references',
      'The <|object_ref_start|>red car<|object_ref_end|><|box_start|>(12,34),(56,78)<|box_end|> and <|box_start|>(1, 2), (3, 4)<|box_end|>',
      [
        ['red car', 12, 34, 56, 78],
        [1, 2, 3, 4],
      ],
    ],
    ['the tags of the first Qwen-VL', '<ref>car</ref><box>(12,34),(56,78)</box>', [['car', 12, 34, 56, 78]]],
    [
      'points as a tag',
      '<points x1="10" y1="20" x2="30.5" y2="40" alt="birds">birds</points>',
      [
        ['birds', 10, 20],
        ['birds', 30.5, 40],
      ],
    ],
    ['one point as a tag', '<point x="10" y="20">it</point>', [[10, 20]]],
    ['a bare point', ' (120, 44) ', [[120, 44]]],
    ['a bare box', '[1, 2, 3, 4]', [[1, 2, 3, 4]]],
    ['two bare corners', '(1, 2), (3, 4)', [[1, 2, 3, 4]]],
    ['a number', '42', []],
    ['numbers in a sentence', 'Between (1, 2) and [3, 4, 5, 6].', []],
    ['three numbers', '{"bbox_2d": [1, 2, 3]}', []],
    ['what is no number', '{"bbox_2d": [1, 2, NaN, Infinity]}{"bbox_2d": [true, 1, 2, 3]}{"point_2d": ["1", 2]}', []],
    ['a tag without end', '<|box_start|>(1,2),(3,4)', []],
    ['nothing', '', []],
  ])('are read from %s', (_, text, marks) => {
    expect(found(text)).toEqual(marks);
  });

  it('are found wherever they stand, whatever stands around them', () => {
    const words = fc.array(fc.constantFrom('a', ' ', '\n', '"', '}', ']', '```json', '<box>', ':', '9', '\\'), {
      maxLength: 8,
    });
    const box = fc.array(fc.integer({ min: -2000, max: 2000 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(words, box, words, (before, numbers, after) => {
        const text = `${before.join('')}{"bbox_2d": ${JSON.stringify(numbers)}}${after.join('')}`;
        expect(findMarks(text)).toContainEqual({ at: before.join('').length, numbers, label: null });
      }),
    );
  });

  it('never make reading fail, or slow', () => {
    const part = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"bbox_2d": ',
      '<|box_start|>',
      '<|box_end|>',
      '<points x1="',
      '(',
      '1',
      ',',
      '"',
      '>',
    );
    fc.assert(fc.property(fc.array(part), (parts) => void findMarks(parts.join(''))));
    const start = performance.now();
    for (const nonsense of ['{', '{"bbox_2d": [', '<point', '<|box_start|>(1,2),', '[[[[', '{"a":'])
      findMarks(nonsense.repeat(20_000));
    expect(findMarks('{"bbox_2d": [1, 2, 3, 4]}'.repeat(10_000))).toHaveLength(10_000);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('a mark in the picture', () => {
  const size = fc.record({ width: fc.integer({ min: 28, max: 2000 }), height: fc.integer({ min: 28, max: 2000 }) });
  const view = fc.record<MarkedView>({
    image: fc.nat(3),
    seen: size,
    shown: size.map(({ width, height }) => ({ left: 0, top: 0, width, height })),
    unit: fc.constantFrom('pixels', 'thousandths'),
  });
  const place = (numbers: readonly number[], of: MarkedView): readonly number[] => {
    const mark = placeMark({ at: 0, numbers, label: null }, of);
    return mark.kind === 'box' ? mark.box : mark.point;
  };

  it('that covers what the model saw covers what was shown', () => {
    fc.assert(
      fc.property(view, (of) => {
        const { width, height } = of.unit === 'pixels' ? of.seen : { width: 1000, height: 1000 };
        expect(place([0, 0, width, height], of)).toEqual([0, 0, of.shown.width, of.shown.height]);
        expect(place([width, height], of)).toEqual([of.shown.width, of.shown.height]);
      }),
    );
  });

  it('lies at the same part of both', () => {
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(view, part, part, (of, x, y) => {
        const { width, height } = of.unit === 'pixels' ? of.seen : { width: 1000, height: 1000 };
        const [placedX = NaN, placedY = NaN] = place([x * width, y * height], of);
        expect(placedX).toBeCloseTo(x * of.shown.width, 6);
        expect(placedY).toBeCloseTo(y * of.shown.height, 6);
      }),
    );
  });

  it('has its corners in order', () => {
    fc.assert(
      fc.property(
        view,
        fc.array(fc.integer({ min: -100, max: 3000 }), { minLength: 4, maxLength: 4 }),
        (of, numbers) => {
          const [left = 0, top = 0, right = 0, bottom = 0] = place(numbers, of);
          expect(left <= right && top <= bottom).toBe(true);
        },
      ),
    );
  });
});

describe('the marks of a turn', () => {
  async function marksOf(answer: string, downsample: boolean): Promise<TurnResult['marks']> {
    const { engine } = openScripted({ script: respond(answer) });
    await engine.setImage(picture(224, 120));
    const settings = { ...DEFAULT_SETTINGS, maxNewTokens: 200, downsample };
    return (await engine.ask('Where is it?', settings, () => undefined)).marks;
  }

  it('are in pixels of the picture, from the size that the model saw', async () => {
    // The half view has 112 x 60 pixels, which the processor makes 112 x 56.
    const answer = '<answer>{"bbox_2d": [14, 28, 56, 56], "label": "it"}</answer>';
    expect(await marksOf(answer, true)).toEqual([{ kind: 'box', image: 0, label: 'it', box: [28, 60, 112, 120] }]);
    // The full view has 224 x 112.
    expect(await marksOf('<answer>(112, 56)</answer>', false)).toEqual([
      { kind: 'point', image: 0, label: null, point: [112, 60] },
    ]);
  });

  it('are none where the answer has none', async () => {
    expect(await marksOf(ANSWER, true)).toEqual([]);
    expect(await marksOf('<think>{"bbox_2d": [14, 28, 56, 56]}</think><answer>4</answer>', true)).toEqual([]);
  });
});
