/** The model in a folder that a person picked: the folder itself, or the only one inside it that looks like a model. Pure. */
import type { PickedFolder } from './models-state.ts';

/** Files that only the folder of a model or a checkpoint has. */
const MARKS = ['manifest.json', 'config.json'];

/** The folder that holds the model; the folder as it was picked where none, or more than one, looks like it. */
export function modelIn(picked: PickedFolder): PickedFolder {
  const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);
  const marked = picked.files.map(({ path }) => path).filter((path) => MARKS.includes(path.split('/').at(-1) ?? ''));
  const folders = new Set(marked.map(folderOf));
  const [folder] = folders;
  if (folder === undefined || folder === '' || folders.has('') || folders.size > 1) return picked;
  const files = picked.files.filter(({ path }) => path.startsWith(folder));
  return {
    name: folder.split('/').at(-2) ?? picked.name,
    files: files.map(({ path, blob }) => ({ path: path.slice(folder.length), blob })),
  };
}
