/** SHA-256 of a stream by Node's own, over ten times as fast as JavaScript's. */
import { createHash } from 'node:crypto';
import type { StreamHash } from '../../shared/sha256.ts';

/** A StreamHash. */
export function createNodeHash(): StreamHash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), finish: () => hash.digest('hex') };
}
