/** The place of the `?debug` panel, whose code is fetched only when the page's address asks for it. */
import { type ComponentType, type ReactElement, useEffect, useState } from 'react';

/** Nothing without `?debug`. */
export function DebugScreen(): ReactElement | null {
  const isWanted = new URLSearchParams(location.search).has('debug');
  const [panel, setPanel] = useState<{ readonly Panel: ComponentType } | null>(null);
  useEffect(() => {
    if (isWanted) void import('./debug/debug-panel.tsx').then(({ default: Panel }) => setPanel({ Panel }));
  }, [isWanted]);
  return panel === null ? null : <panel.Panel />;
}
