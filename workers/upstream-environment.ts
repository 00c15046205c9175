/** The environment in which unmodified transformers.js is measured: its files, rejections it would ignore, timers on its sessions. */
import type { FolderSource } from '../src/protocol/engine-api.ts';

/** The fetch that upstream reads a model's files with: from given files, or from a folder of the site. */
export function fileFetcher(source: FolderSource): (path: string) => Promise<Response> {
  if (source.kind === 'url') {
    const root = new URL(source.url.endsWith('/') ? source.url : `${source.url}/`, self.location.href);
    return (path) => fetch(new URL(path, root));
  }
  const blobs = new Map(source.files.map(({ path, blob }) => [path, blob]));
  return async (path) => {
    const blob = blobs.get(path);
    return blob === undefined ? new Response(null, { status: 404 }) : new Response(blob);
  };
}

/** The work's result, or the first unhandled rejection, since upstream waits forever for a data file that it could not read. */
export async function orUnhandled<T>(work: Promise<T>): Promise<T> {
  let listener: (event: PromiseRejectionEvent) => void = () => undefined;
  const unhandled = new Promise<never>((_, reject) => {
    listener = ({ reason }) => reject(reason instanceof Error ? reason : new Error(String(reason)));
  });
  self.addEventListener('unhandledrejection', listener);
  try {
    return await Promise.race([work, unhandled]);
  } finally {
    self.removeEventListener('unhandledrejection', listener);
  }
}

/** Adds up how long each of the model's sessions runs. */
export function timeSessions(model: object): Map<string, number> {
  const ran = new Map<string, number>();
  const { sessions } = model as {
    readonly sessions: Record<string, { run: (...args: unknown[]) => Promise<unknown> }>;
  };
  for (const [name, session] of Object.entries(sessions)) {
    const run = session.run.bind(session);
    session.run = async (...args) => {
      const start = performance.now();
      try {
        return await run(...args);
      } finally {
        ran.set(name, (ran.get(name) ?? 0) + performance.now() - start);
      }
    };
  }
  return ran;
}
