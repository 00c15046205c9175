/** Lets the person choose a folder: with the browser's own dialog, or a file input where it has none. */
import type { ReactElement, ReactNode } from 'react';
import type { PickedFolder } from '../../store/models-state.ts';
import { useModels } from './models-context.ts';

/** A button that reports the chosen folder. */
export function FolderButton(props: {
  readonly disabled?: boolean;
  readonly onFolder: (folder: PickedFolder) => void;
  readonly children: ReactNode;
}): ReactElement {
  const { disabled = false, onFolder, children } = props;
  const canPick = useModels((state) => state.canPickFolders);
  const pick = useModels((state) => state.pickFolder);
  const folderOf = useModels((state) => state.folderOf);
  if (canPick) {
    const choose = async (): Promise<void> => {
      const folder = await pick();
      if (folder !== null) onFolder(folder);
    };
    return (
      <button type="button" className="button" disabled={disabled} onClick={() => void choose()}>
        {children}
      </button>
    );
  }
  return (
    <label className="button folder-button" data-disabled={disabled}>
      {children}
      <input
        type="file"
        className="file-input"
        disabled={disabled}
        {...{ webkitdirectory: '' }}
        onChange={(event) => {
          const { files } = event.target;
          if (files !== null && files.length > 0) onFolder(folderOf(files));
          event.target.value = ''; // so that choosing the same folder again counts
        }}
      />
    </label>
  );
}
