/**
 * Tile sizes of GEMM and split-K by arithmetic and number of tokens: the fastest of some dozens on an H200 and an H100 for the
 * matrices of Qwen2.5-VL (docs/log.md), and small ones for devices with little workgroup memory. select.ts picks from them.
 */
import type { GemmTile } from './gemm.ts';
import type { SubgroupMatrixTile } from './gemm-subgroup-matrix.ts';

/** Tiles of one arithmetic in order of tokens, each used up to `upTo`. */
export type Tiles<T> = readonly { readonly upTo: number; readonly tile: T }[];

/** GEMM in f32. */
export const F32_TILES: Tiles<GemmTile> = [
  { upTo: 64, tile: { tokens: 32, rows: 32, tokensPerThread: 4, rowsPerThread: 4, depth: 8 } },
  { upTo: 768, tile: { tokens: 64, rows: 64, tokensPerThread: 8, rowsPerThread: 8, depth: 4 } },
  { upTo: Infinity, tile: { tokens: 128, rows: 64, tokensPerThread: 8, rowsPerThread: 8, depth: 4 } },
];
/** GEMM in f32 on a device with little workgroup memory. */
export const SMALL_TILES: Tiles<GemmTile> = [
  { upTo: Infinity, tile: { tokens: 16, rows: 16, tokensPerThread: 2, rowsPerThread: 2, depth: 8 } },
];
/** GEMM in f16, for quantized matrices. */
export const F16_TILES: Tiles<GemmTile> = [
  { upTo: 16, tile: { tokens: 16, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 } },
  { upTo: 64, tile: { tokens: 32, rows: 64, tokensPerThread: 4, rowsPerThread: 4, depth: 8 } },
  { upTo: Infinity, tile: { tokens: 64, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 } },
];
/** GEMM with subgroup matrices. */
export const SUBGROUP_MATRIX_TILES: Tiles<SubgroupMatrixTile> = [
  { upTo: 96, tile: { tokens: 32, rows: 32, alongTokens: 2, alongRows: 2, depth: 4 } },
  { upTo: Infinity, tile: { tokens: 128, rows: 128, alongTokens: 4, alongRows: 2, depth: 2 } },
];

/** Most tokens of a prompt for split-K. */
export const MOST_SPLIT_K_TOKENS = 128;
/** Split-K in f32. */
export const F32_SPLIT_K_TILES: Tiles<GemmTile> = [
  { upTo: 32, tile: { tokens: 32, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 } },
  { upTo: MOST_SPLIT_K_TOKENS, tile: { tokens: 64, rows: 32, tokensPerThread: 8, rowsPerThread: 4, depth: 8 } },
];
/** Split-K in f32 on a device with little workgroup memory. */
export const SMALL_SPLIT_K_TILES: Tiles<GemmTile> = [
  { upTo: MOST_SPLIT_K_TOKENS, tile: { tokens: 16, rows: 16, tokensPerThread: 2, rowsPerThread: 2, depth: 8 } },
];
/** Split-K in f16, for quantized matrices. */
export const F16_SPLIT_K_TILES: Tiles<GemmTile> = [
  { upTo: 16, tile: { tokens: 16, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 } },
  { upTo: 32, tile: { tokens: 32, rows: 64, tokensPerThread: 4, rowsPerThread: 4, depth: 8 } },
  { upTo: MOST_SPLIT_K_TOKENS, tile: { tokens: 64, rows: 64, tokensPerThread: 4, rowsPerThread: 4, depth: 8 } },
];
/** Split-K with subgroup matrices: tokens of a tile. Its other sizes follow from the matrix. */
export const SUBGROUP_MATRIX_SPLIT_K_TOKENS: Tiles<number> = [
  { upTo: 32, tile: 32 },
  { upTo: MOST_SPLIT_K_TOKENS, tile: 64 },
];
/** Matrices with at least this many inputs, such as `down`, are faster with wider tiles on subgroup matrices for few tokens. */
export const LONG_ROWS = 8192;
/** Most tokens of a tile that gains from being wider. */
export const MOST_WIDE_TILE_TOKENS = 32;

/** Workgroups that keep a device busy, with subgroup matrices and without: split-K splits the inputs until it reaches them. */
export const SUBGROUP_MATRIX_WORKGROUPS = 200;
export const WORKGROUPS = 800;
/** Most splits: each partial sum costs one more write and one more read. */
export const MOST_SPLITS = 16;

/** Token counts that together exercise every tile above. */
export const TOKEN_CLASSES: readonly number[] = [
  ...new Set([...F32_TILES, ...F16_TILES, ...SUBGROUP_MATRIX_TILES].map(({ upTo }) => Math.min(upTo, 1024))),
];
