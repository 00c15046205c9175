/** The file dialog: an invisible input that covers its parent. */
import type { ReactElement } from 'react';
import { useApp } from './store-context.ts';

/** The page's one file input. */
export function FileInput(): ReactElement {
  const chooseImage = useApp((state) => state.chooseImage);
  return (
    <input
      type="file"
      aria-label="Image"
      className="file-input"
      accept="image/*,video/*"
      onChange={(event) => {
        const file = event.target.files?.[0];
        event.target.value = ''; // so that choosing the same file again counts
        if (file !== undefined) void chooseImage(file, file.name);
      }}
    />
  );
}
