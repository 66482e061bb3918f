import { FAILURES, WaybillError } from '../contracts/failures.ts';
import type { Outlet } from './outlet.ts';
import {
  attributesReply,
  BrokenPacket,
  DATA_HEADER_BYTES,
  handleReply,
  limitsReply,
  namesReply,
  packetsOf,
  pathReply,
  putDataHeader,
  READ_BYTES_MAX,
  type Request,
  readRequest,
  STATUS,
  statusReply,
  versionReply,
} from './packets.ts';
import type { Reader, Readers } from './readers.ts';
import { type Node, normalPath, type Tree } from './tree.ts';

/** Handles that may be open in one session. */
export const HANDLES_MAX = 64;
/** Entries of one answer to readdir. */
const NAMES_MAX = 100;
/** `SSH_FXF_READ`: any other flag asks for writing. */
const FLAG_READ = 1;
/** Maximum length of a path in bytes. */
const PATH_BYTES_MAX = 4096;

/** What the sessions of one connection share. */
export interface SessionDeps {
  readonly tree: Tree;
  readonly readers: Readers;
  /** Throws if the log-in has been revoked since. */
  readonly authorize: () => Promise<void>;
  /** Called once a file has been opened for reading, before any of it is sent. */
  readonly onDownload: (file: Node & { readonly kind: 'file' }) => Promise<void>;
  /** Called with an error that the client is not told about. */
  readonly onError: (error: unknown) => void;
}

type Handle =
  | { readonly kind: 'file'; readonly node: Node; readonly reader: Reader }
  | { readonly kind: 'directory'; readonly node: Node; rest: readonly Node[] };

/** A refusal that the client is told about. */
class Refusal extends Error {
  readonly status: (typeof STATUS)[keyof typeof STATUS];

  constructor(status: (typeof STATUS)[keyof typeof STATUS], message: string) {
    super(message);
    this.status = status;
  }
}

const noSuchFile = () => new Refusal(STATUS.noSuchFile, 'No such file.');
const readOnly = () => new Refusal(STATUS.permissionDenied, 'This service is read-only.');

/**
 * Serves SFTP version 3 until the client ends it: one request after the other, each answered before the next is read, so
 * that what is held of a session is bounded whatever the client asks for.
 *
 * @throws BrokenPacket; errors of the outlet
 */
export async function serveSftp(source: AsyncIterable<Buffer>, outlet: Outlet, deps: SessionDeps): Promise<void> {
  const handles = new Map<number, Handle>();
  let lastHandle = 0;
  let isBegun = false;
  // Used again for every answer to a read: the outlet has copied one when it returns.
  let dataReply = Buffer.alloc(0);

  async function find(path: string): Promise<Node> {
    if (Buffer.byteLength(path) > PATH_BYTES_MAX) throw noSuchFile();
    await deps.authorize();
    const node = await deps.tree.find(normalPath(path, deps.tree.home));
    if (!node) throw noSuchFile();
    return node;
  }

  function keep(handle: Handle): number {
    lastHandle = (lastHandle + 1) % 2 ** 32;
    handles.set(lastHandle, handle);
    return lastHandle;
  }

  function handleOf<Kind extends Handle['kind']>(id: number, ...kinds: readonly Kind[]) {
    const handle = handles.get(id);
    if (!handle || !kinds.some((kind) => kind === handle.kind)) throw new Refusal(STATUS.failure, 'Invalid handle.');
    return handle as Extract<Handle, { readonly kind: Kind }>;
  }

  function assertHandlesLeft(): void {
    if (handles.size >= HANDLES_MAX) throw new Refusal(STATUS.failure, `More than ${HANDLES_MAX} open handles.`);
  }

  async function open({ id, path, flags }: Extract<Request, { readonly type: 'open' }>): Promise<Buffer> {
    if (flags !== FLAG_READ) throw readOnly();
    assertHandlesLeft();
    const node = await find(path);
    if (node.kind === 'directory') throw new Refusal(STATUS.failure, 'This is a directory.');
    await deps.onDownload(node);
    return handleReply(id, keep({ kind: 'file', node, reader: deps.readers.open(node.content) }));
  }

  async function read({ id, handle, offset, length }: Extract<Request, { readonly type: 'read' }>): Promise<Buffer> {
    const { reader } = handleOf(handle, 'file');
    if (offset >= reader.bytes) throw new Refusal(STATUS.eof, 'End of file.');
    // Never less than what was asked for: some clients take a short answer for the end of the file.
    const bytes = DATA_HEADER_BYTES + Math.min(length, READ_BYTES_MAX, reader.bytes - offset);
    if (dataReply.length < bytes) dataReply = Buffer.allocUnsafeSlow(bytes);
    const reply = dataReply.subarray(0, bytes);
    putDataHeader(reply, id);
    await reader.read(reply.subarray(DATA_HEADER_BYTES), offset);
    return reply;
  }

  async function answer(request: Exclude<Request, { readonly type: 'init' }>): Promise<Buffer> {
    const { id } = request;
    switch (request.type) {
      case 'open':
        return open(request);
      case 'read':
        return read(request);
      case 'close': {
        const handle = handleOf(request.handle, 'file', 'directory');
        if (handle.kind === 'file') handle.reader.close();
        handles.delete(request.handle);
        return statusReply(id, STATUS.ok, 'Closed.');
      }
      case 'stat':
        return attributesReply(id, await find(request.path));
      case 'fstat':
        return attributesReply(id, handleOf(request.handle, 'file', 'directory').node);
      case 'opendir': {
        assertHandlesLeft();
        const node = await find(request.path);
        if (node.kind !== 'directory') throw new Refusal(STATUS.failure, 'This is a file.');
        const itself = [
          { ...node, name: '.' },
          { ...node, name: '..' },
        ];
        return handleReply(id, keep({ kind: 'directory', node, rest: [...itself, ...(await deps.tree.list(node))] }));
      }
      case 'readdir': {
        const handle = handleOf(request.handle, 'directory');
        if (handle.rest.length === 0) throw new Refusal(STATUS.eof, 'End of the directory.');
        const entries = handle.rest.slice(0, NAMES_MAX);
        handle.rest = handle.rest.slice(NAMES_MAX);
        return namesReply(id, entries);
      }
      case 'realpath':
        if (Buffer.byteLength(request.path) > PATH_BYTES_MAX) throw noSuchFile();
        return pathReply(id, normalPath(request.path, deps.tree.home));
      case 'readlink':
        throw new Refusal(STATUS.failure, 'There are no symbolic links.');
      case 'limits':
        return limitsReply(id, HANDLES_MAX);
      case 'change':
        throw readOnly();
      case 'unknown':
        throw new Refusal(STATUS.unsupported, 'This operation is not supported.');
    }
  }

  async function answerOrRefuse(request: Exclude<Request, { readonly type: 'init' }>): Promise<Buffer> {
    try {
      return await answer(request);
    } catch (error) {
      if (error instanceof Refusal) return statusReply(request.id, error.status, error.message);
      deps.onError(error);
      const known = error instanceof WaybillError ? error.code : 'internal';
      const { title, advice } = FAILURES[known];
      return statusReply(request.id, STATUS.failure, known === 'gone' ? GONE : `${title}. ${advice}`);
    }
  }

  try {
    for await (const packet of packetsOf(source)) {
      const request = readRequest(packet);
      if (isBegun === (request.type === 'init'))
        throw new BrokenPacket('The first packet, and only that, must be init.');
      isBegun = true;
      await outlet.write(request.type === 'init' ? versionReply() : await answerOrRefuse(request));
    }
  } finally {
    for (const handle of handles.values()) if (handle.kind === 'file') handle.reader.close();
  }
}

const GONE = 'The file is no longer available. List the directory again.';
