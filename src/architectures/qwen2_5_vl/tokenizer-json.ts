/**
 * tokenizer.json of Qwen2.5's tokenizer, from its vocabulary and merges.
 * Source: transformers 5.18, `models/qwen2/tokenization_qwen2.py`, Qwen2Tokenizer.
 */
import type { JsonObject } from '../../shared/json.ts';
import type { Vocabulary } from '../architecture.ts';

/** Splits text into pieces that are merged separately: contractions, words, single digits, punctuation, white space. */
const WORDS =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** The tokenizer of this vocabulary. */
export function tokenizerJson({ vocab, merges, addedTokens }: Vocabulary): JsonObject {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens,
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [{ type: 'Split', pattern: { Regex: WORDS }, behavior: 'Isolated', invert: false }, byteLevel],
    },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges,
    },
  };
}
