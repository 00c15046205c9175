/**
 * A hub on this machine: real HTTP servers that speak the hub's protocol, one for the hub and one on another port for the storage
 * it redirects large files to, as huggingface.co does. Tests can request every fault of a real one.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A repository: a commit for every revision, and the files of each commit. */
export interface HubRepository {
  readonly id: string;
  /** Branches and tags by name. */
  readonly revisions: Map<string, string>;
  readonly commits: Map<string, ReadonlyMap<string, Buffer>>;
  /** The token that may read it; undefined: the repository is public. */
  token?: string;
  gated?: boolean;
}

/** The fault to inject into a request for a file; undefined: none. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The connection breaks after this many bytes of the body. */
  | { readonly kind: 'cut'; readonly after: number }
  /** The body stops after this many bytes, and the connection stays open. */
  | { readonly kind: 'stall'; readonly after: number }
  /** The body ends normally, this many bytes short. */
  | { readonly kind: 'short'; readonly by: number }
  /** Sends the whole file and ignores Range. */
  | { readonly kind: 'no ranges' }
  /** Sends altered bytes. */
  | { readonly kind: 'altered' }
  | { readonly kind: 'etag'; readonly etag: string }
  /** Bytes a second. */
  | { readonly kind: 'slow'; readonly rate: number };

/** A request as it arrived. */
export interface SeenRequest {
  readonly server: 'hub' | 'storage';
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** Files in large-file storage are those of this many bytes or more. */
const LARGE_BYTES = 10_000;

/** A running hub. */
export class HubServer {
  readonly repositories = new Map<string, HubRepository>();
  readonly seen: SeenRequest[] = [];
  /** Paths of CORS preflights. Like the storage of the real hub, this one grants none. */
  readonly preflights: string[] = [];
  /** Chooses the fault for each file that the hub or the storage sends. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined;
  readonly #hub: Server;
  readonly #storage: Server;

  constructor() {
    this.#hub = createServer((request, response) => {
      if (this.#isAllowed(request, response)) void this.#answerHub(request, response);
    });
    this.#storage = createServer((request, response) => {
      if (this.#isAllowed(request, response)) void this.#answerStorage(request, response);
    });
  }

  /** Starts it and returns it. */
  static async start(): Promise<HubServer> {
    const server = new HubServer();
    for (const each of [server.#hub, server.#storage]) {
      await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
    }
    return server;
  }

  /** Its URL. */
  get endpoint(): string {
    return addressOf(this.#hub);
  }

  /** Ends it and every connection. */
  async stop(): Promise<void> {
    for (const each of [this.#hub, this.#storage]) {
      each.closeAllConnections();
      await new Promise((resolve) => each.close(resolve));
    }
  }

  /** Puts files at the tip of `main`, as a new commit, and returns the commit. */
  commit(id: string, files: ReadonlyMap<string, Buffer>): string {
    const repository = this.repositories.get(id) ?? { id, revisions: new Map(), commits: new Map() };
    const commit = createHash('sha1').update(`${id} ${repository.commits.size}`).digest('hex');
    repository.commits.set(commit, files);
    repository.revisions.set('main', commit);
    this.repositories.set(id, repository);
    return commit;
  }

  /** Lets pages of any origin read, but answers no preflight. */
  #isAllowed({ method, url = '/' }: IncomingMessage, response: ServerResponse): boolean {
    response.setHeader('access-control-allow-origin', '*');
    if (method !== 'OPTIONS') return true;
    this.preflights.push(url);
    response.writeHead(403).end();
    return false;
  }

  async #answerHub(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = this.#see('hub', request);
    const url = new URL(seen.path, 'http://hub');
    const [, apiId, apiRevision] = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^/]+)$/.exec(url.pathname) ?? [];
    const [, fileId, fileRevision, path] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname) ?? [];
    const id = apiId ?? fileId ?? '';
    const repository = this.repositories.get(id);
    const authorized = repository?.token === undefined || seen.authorization === `Bearer ${repository.token}`;
    const fault = this.fault(seen);
    if (fault?.kind === 'status') return void response.writeHead(fault.status, fault.headers).end();
    // Like the real hub: without a token, a missing repository looks like a private one; a gated one can be listed.
    if (repository === undefined || (!authorized && repository.gated !== true)) {
      const status = seen.authorization === undefined ? 401 : 404;
      return refuse(response, status, 'RepoNotFound', 'Repository not found');
    }
    const revision = decodeURIComponent(apiRevision ?? fileRevision ?? '');
    const commit = repository.commits.has(revision) ? revision : repository.revisions.get(revision);
    const files = repository.commits.get(commit ?? '');
    if (commit === undefined || files === undefined) {
      return refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
    }
    if (apiId !== undefined) return this.#list(repository, commit, files, response);
    if (!authorized) {
      const status = seen.authorization === undefined ? 401 : 403;
      return refuse(response, status, 'GatedRepo', `Access to model ${id} is restricted.`);
    }
    const content = files.get(decodeURIComponent(path ?? ''));
    if (content === undefined) return refuse(response, 404, 'EntryNotFound', 'Entry not found');
    response.setHeader('x-repo-commit', commit);
    if (content.length < LARGE_BYTES) return this.#send(content, seen, fault, response);
    response.setHeader('x-linked-etag', `"${sha256(content)}"`).setHeader('x-linked-size', content.length);
    response.writeHead(302, { location: `${addressOf(this.#storage)}/${id}/${commit}/${path}` }).end();
  }

  async #answerStorage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = this.#see('storage', request);
    const [, id, commit, path] = /^\/([^/]+\/[^/]+)\/([^/]+)\/(.+)$/.exec(seen.path) ?? [];
    const content = this.repositories
      .get(id ?? '')
      ?.commits.get(commit ?? '')
      ?.get(decodeURIComponent(path ?? ''));
    const fault = this.fault(seen);
    if (fault?.kind === 'status') return void response.writeHead(fault.status, fault.headers).end();
    if (content === undefined) return void response.writeHead(404).end();
    await this.#send(content, seen, fault, response);
  }

  #see(server: SeenRequest['server'], { url = '/', headers }: IncomingMessage): SeenRequest {
    const seen = { server, path: url, range: headers.range, authorization: headers.authorization };
    this.seen.push(seen);
    return seen;
  }

  #list({ id, gated }: HubRepository, sha: string, files: ReadonlyMap<string, Buffer>, response: ServerResponse): void {
    const siblings = [...files].map(([rfilename, content]) => ({
      rfilename,
      size: content.length,
      blobId: createHash('sha1').update(content).digest('hex'),
      ...(content.length < LARGE_BYTES
        ? {}
        : { lfs: { sha256: sha256(content), size: content.length, pointerSize: 135 } }),
    }));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id, sha, gated: gated === true ? 'manual' : false, siblings }));
  }

  async #send(
    content: Buffer,
    { range }: SeenRequest,
    fault: Fault | undefined,
    response: ServerResponse,
  ): Promise<void> {
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
    const isPart = from !== undefined && fault?.kind !== 'no ranges';
    const first = isPart ? Number(from) : 0;
    const end = isPart && to !== '' ? Math.min(content.length, Number(to) + 1) : content.length;
    response.setHeader('etag', fault?.kind === 'etag' ? fault.etag : `"${sha256(content)}"`);
    if (first >= content.length && content.length > 0) {
      return void response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    }
    if (isPart) response.setHeader('content-range', `bytes ${first}-${end - 1}/${content.length}`);
    let body = content.subarray(first, end);
    if (fault?.kind === 'altered') body = Buffer.from(body).fill(0x3c, Math.max(0, body.length - 64));
    if (fault?.kind === 'short') body = body.subarray(0, Math.max(0, body.length - fault.by));
    response.writeHead(isPart ? 206 : 200, fault?.kind === 'short' ? {} : { 'content-length': body.length });
    if (fault?.kind === 'cut' || fault?.kind === 'stall') {
      // Headers and bytes are sent together, or the break could overtake them.
      await new Promise<void>((resolve) => response.write(body.subarray(0, fault.after), () => resolve()));
      if (fault.kind === 'cut') response.destroy();
      return;
    }
    if (fault?.kind !== 'slow') return void response.end(body);
    for (let at = 0; at < body.length && !response.destroyed; at += fault.rate / 20) {
      response.write(body.subarray(at, at + fault.rate / 20));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    response.end();
  }
}

function refuse(response: ServerResponse, status: number, code: string, error: string): void {
  response.writeHead(status, { 'x-error-code': code, 'x-error-message': error }).end(JSON.stringify({ error }));
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
