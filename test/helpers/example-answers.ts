/** The right answers about the bundled examples (public/examples), read off the images. */

/** A suggested question, its answer, and the fewest rounds that it takes. */
export type ExampleAnswer = readonly [question: string, answer: string, rounds: 1 | 2];

/** Title and answers by the image's file. */
export const EXAMPLES = {
  'shapes.png': [
    'Shapes',
    [
      ['Which shape is the largest?', 'gray circle', 1],
      ['How many crosses are there?', '2', 1],
      ['Where is the brown cross?', 'top right', 1],
    ],
  ],
  'large-tags.png': [
    'Price tags',
    [
      ['How much is the snail?', '14.80', 1],
      ['What do you see in the bottom right corner?', 'snail', 1],
      ['Read the price in the top right corner.', '86.62', 1],
    ],
  ],
  'small-tags.png': [
    'Small tags',
    [
      ['How much is the clock?', '$61.21', 2],
      ['What is the price of the cat?', '$62.36', 2],
      ['Where can the carrot be found?', 'bottom right', 1],
    ],
  ],
  'large-chart.png': [
    'Bar chart',
    [
      ['How much is the longest bar?', '99%', 1],
      ['How much is basket?', '70%', 1],
      ['Count the bars.', '5', 1],
    ],
  ],
  'small-chart.png': [
    'Small values',
    [
      ['How much is the tallest bar?', '784', 2],
      ['What number is at the red bar?', '148', 2],
      ['What is the value of the cyan bar?', 'not in the image', 1],
    ],
  ],
  'receipt.png': [
    'Receipt',
    [
      ['What is the price of oyster?', '18.35', 1],
      ['What can you buy for 25.75?', 'chives', 1],
      ['How many items are shown?', '3', 1],
    ],
  ],
  'sign.png': [
    'Road sign',
    [
      ['Read all the text on the sign.', 'EARNINGS 40 km', 1],
      ['Which way does the arrow point?', 'right', 1],
      ["What is the sign's colour?", 'black', 1],
    ],
  ],
  'poster.png': [
    'Poster',
    [
      ['What is the price?', '$65.70', 2],
      ['What time does the poster show?', '17:46', 2],
      ['What is the colour of the poster?', 'purple', 1],
    ],
  ],
} as const satisfies Readonly<Record<string, readonly [title: string, answers: readonly ExampleAnswer[]]>>;
