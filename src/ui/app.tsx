/** The page: image on the left, conversation on the right, on narrow screens one below the other. */
import type { ReactElement } from 'react';
import { Answer } from './answer.tsx';
import { Comparison } from './comparison.tsx';
import { Composer } from './composer.tsx';
import { DebugScreen } from './debug-screen.tsx';
import { DropOverlay } from './drop-overlay.tsx';
import { EngineStatus } from './engine-status.tsx';
import { Examples } from './examples.tsx';
import { Footer } from './footer.tsx';
import { Header } from './header.tsx';
import { History } from './history.tsx';
import { ImagePanel } from './image-panel.tsx';
import { ModelsScreen } from './models-screen.tsx';
import { useShortcuts } from './use-shortcuts.ts';
import { useTheme } from './use-theme.ts';
import { VisualTokensPanel } from './visual-tokens.tsx';

/** The whole page. */
export function App(): ReactElement {
  useShortcuts();
  useTheme();
  return (
    <>
      <div className="page">
        <Header />
        <EngineStatus />
        <main className="columns">
          <div className="column column--image">
            <ImagePanel />
            <VisualTokensPanel />
            <Examples />
          </div>
          <div className="column column--talk">
            <Composer />
            <Answer />
            <Comparison />
            <History />
          </div>
        </main>
        <DebugScreen />
        <Footer />
      </div>
      <ModelsScreen />
      <DropOverlay />
    </>
  );
}
