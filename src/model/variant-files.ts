/** Selects the files of a model folder that one variant of its graphs needs. */
import type { Manifest, VariantName } from './manifest.ts';

/** Whether running the model as `name` needs a file, by its path in the folder. */
export function filesFor(manifest: Manifest, name: VariantName): (path: string) => boolean {
  const needed = new Set<string>();
  const unneeded = new Set<string>();
  for (const variant of manifest.variants) {
    for (const { file, data } of Object.values(variant.graphs)) {
      for (const path of [file, ...data]) (variant.name === name ? needed : unneeded).add(path);
    }
  }
  for (const { path, onlyFor } of manifest.files) if (onlyFor !== undefined) unneeded.add(path);
  return (path) => needed.has(path) || !unneeded.has(path);
}
