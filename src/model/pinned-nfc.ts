/**
 * NFC as Hugging Face's tokenizers compute it. Their tables are older than Unicode 16, which composes pairs of three new
 * scripts. Current JavaScript engines compose them, and would give a model tokens that it was not trained on.
 * Source: unicode.org/Public/16.0.0/ucd/UnicodeData.txt, canonical decompositions that 15.1 does not have.
 */
import { isObject, type JsonObject } from '../shared/json.ts';

/** The blocks of Tulu-Tigalari, Gurung Khema and Kirat Rai. */
const COMPOSED_SINCE_16 = '[\\u{11380}-\\u{113FF}\\u{16100}-\\u{1613F}\\u{16D40}-\\u{16D7F}]';

/** Separates neighbours during normalisation: noncharacters, in an order that occurs in no text. */
const APART = '\u{10FFFE}\u{10FFFF}\u{10FFFE}';

/** tokenizer.json with an NFC normaliser that leaves those scripts unchanged. */
export function withPinnedNfc(tokenizerJson: JsonObject): JsonObject {
  const { normalizer } = tokenizerJson;
  if (!isObject(normalizer) || normalizer['type'] !== 'NFC') return tokenizerJson;
  const normalizers = [
    { type: 'Replace', pattern: { Regex: COMPOSED_SINCE_16 }, content: `${APART}$&${APART}` },
    normalizer,
    { type: 'Replace', pattern: { String: APART }, content: '' },
  ];
  return { ...tokenizerJson, normalizer: { type: 'Sequence', normalizers } };
}
