/**
 * A checkpoint's tokenizer: tokenizer.json unchanged, or built from vocab.json and merges.txt, the only files that a slow
 * tokenizer of transformers before 5.0 saved.
 */
import type { AddedToken, ConvertibleModel } from '../architectures/architecture.ts';
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';
import { isObject, type JsonObject, tryParseJson } from '../shared/json.ts';
import { noJson, optionalJson, optionalText } from './checkpoint-files.ts';

/** Settings of tokenizer_config.json that name one special token each. */
const SPECIAL = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/**
 * The text of tokenizer.json.
 * @param config tokenizer_config.json
 * @throws CheckpointError when the checkpoint has no tokenizer, or one that is not valid JSON
 */
export async function tokenizerText(source: FileSource, model: ConvertibleModel, config: JsonObject): Promise<string> {
  const own = await optionalText(source, 'tokenizer.json');
  if (own !== undefined) {
    if (tryParseJson(own) === undefined) throw noJson(source, 'tokenizer.json', own);
    return own;
  }
  const vocab = await optionalJson(source, 'vocab.json');
  const merges = await optionalText(source, 'merges.txt');
  if (!isObject(vocab) || merges === undefined || model.tokenizerJson === undefined) throw noTokenizer(source);
  const addedTokens = addedTokensOf(config, await optionalJson(source, 'added_tokens.json'));
  const lines = merges.split('\n').filter((line) => line !== '' && !line.startsWith('#version'));
  return JSON.stringify(model.tokenizerJson({ vocab, merges: lines, addedTokens }));
}

/** Tokens beyond the vocabulary, by id. tokenizer_config.json has all their properties, added_tokens.json only their ids. */
function addedTokensOf({ added_tokens_decoder: known, ...config }: JsonObject, ids: unknown): AddedToken[] {
  const tokens = isObject(known)
    ? Object.entries(known).flatMap(([id, token]) => (isObject(token) ? [addedToken(Number(id), token)] : []))
    : Object.entries(isObject(ids) ? ids : {}).map(([content, id]) => {
        const special = specialTokens(config).includes(content);
        return addedToken(Number(id), { content, special, normalized: !special });
      });
  return tokens.toSorted((a, b) => a.id - b.id);
}

function addedToken(id: number, token: JsonObject): AddedToken {
  const is = (key: string): boolean => token[key] === true;
  return {
    id,
    content: String(token['content']),
    single_word: is('single_word'),
    lstrip: is('lstrip'),
    rstrip: is('rstrip'),
    normalized: is('normalized'),
    special: is('special'),
  };
}

/** The special tokens in the settings, each as text or as an object with its content. */
function specialTokens(config: JsonObject): unknown[] {
  const { additional_special_tokens: more } = config;
  const named = [...SPECIAL.map((key) => config[key]), ...(Array.isArray(more) ? more : [])];
  return named.map((token) => (isObject(token) ? token['content'] : token));
}

function noTokenizer(source: FileSource): NamedError {
  return new NamedError(
    'CheckpointError',
    `${source.name} has no tokenizer.json, and no vocab.json with merges.txt to make one of. Choose a checkpoint folder as Hugging ` +
      'Face saves it, and download all of its files.',
  );
}
