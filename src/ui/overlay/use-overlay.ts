/** Fetches the code of what lies on a picture once there is one: it is no part of the page's first load. */
import { type ComponentType, useEffect, useState } from 'react';
import type { OverlayProps } from './picture-overlay.tsx';
import type { Size } from './region-geometry.ts';

/** The components. */
export interface OverlayParts {
  readonly Overlay: ComponentType<OverlayProps>;
  readonly Bar: ComponentType<{ readonly picture: Size }>;
}

/** The components; null until they are here, and where they cannot be fetched. Another picture tries again. */
export function useOverlay(imageId: number): OverlayParts | null {
  const [parts, setParts] = useState<OverlayParts | null>(null);
  const isMissing = parts === null;
  useEffect(() => {
    if (!isMissing) return;
    void Promise.all([import('./picture-overlay.tsx'), import('./region-bar.tsx')]).then(
      ([{ PictureOverlay: Overlay }, { RegionBar: Bar }]) => setParts({ Overlay, Bar }),
      () => undefined,
    );
  }, [imageId, isMissing]);
  return parts;
}
