/** Reads files that lie beside the page. */

/** The file at `path`, relative to the page. Throws an Error that says what to do when it cannot be had. */
export async function fetchFile(path: string, pageUrl: string): Promise<Blob> {
  const lost = (cause: unknown): never => {
    throw new Error(`${path} could not be fetched. Check the connection, then try again.`, { cause });
  };
  const response = await fetch(new URL(path, pageUrl)).catch(lost);
  if (response.ok) return response.blob().catch(lost);
  throw new Error(`${path} could not be fetched: the server answered ${response.status}. Try again later.`);
}
