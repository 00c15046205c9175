/** Numbers as a person reads them, always with their unit. */
import type { Resolution } from '../protocol/turn.ts';

/** `1,024` */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en');
}

/** `64 tokens` */
export function formatTokens(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'token' : 'tokens'}`;
}

/** `25 %` */
export function formatRatio(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}

/** `840 ms` below a second, `2.41 s` from there. */
export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** `14.6 MB` */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.round(bytes / 1000)} kB`;
}

/** `85 MB/s` */
export function formatSpeed(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** `40 s`, `12 min`, `1 h 5 min` */
export function formatDuration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `7.6 B`, `13 M`, `105 k` */
export function formatParameters(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)} B`;
  return count >= 1e6 ? `${Math.round(count / 1e6)} M` : `${Math.round(count / 1e3)} k`;
}

/** `224 × 224` */
export function formatSize(size: { readonly width: number; readonly height: number }): string {
  return `${size.width} × ${size.height}`;
}

/** `half resolution` */
export function formatResolution(resolution: Resolution): string {
  if (resolution === 'none') return 'no image';
  return resolution === 'crop' ? 'crop' : `${resolution} resolution`;
}

/** The text, cut to a length that is quick to lay out. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}
