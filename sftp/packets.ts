/**
 * The packets of SFTP version 3 that a read-only server needs. Source: draft-ietf-secsh-filexfer-02; for the extension,
 * OpenSSH's PROTOCOL, `limits@openssh.com`.
 */

export const STATUS = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  unsupported: 8,
} as const;
type Status = (typeof STATUS)[keyof typeof STATUS];

/** Maximum length of a packet in bytes, without its length field: OpenSSH's. */
export const PACKET_BYTES_MAX = 256 * 1024;
/** Maximum bytes of one read; the rest of the packet is its header. */
export const READ_BYTES_MAX = PACKET_BYTES_MAX - 1024;
/** Header of a data reply, with the length fields of packet and data. */
export const DATA_HEADER_BYTES = 13;

const VERSION = 3;
const LIMITS = 'limits@openssh.com';

/** What a client sees of a file or directory. */
export interface Attributes {
  readonly kind: 'file' | 'directory';
  /** Bytes; of a directory 0. */
  readonly bytes: number;
  readonly modifiedAt: Date;
}

export interface Named extends Attributes {
  readonly name: string;
}

export type Request =
  | { readonly type: 'init' }
  | { readonly type: 'open'; readonly id: number; readonly path: string; readonly flags: number }
  | { readonly type: 'close' | 'fstat' | 'readdir'; readonly id: number; readonly handle: number }
  | {
      readonly type: 'read';
      readonly id: number;
      readonly handle: number;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly type: 'stat' | 'opendir' | 'realpath' | 'readlink'; readonly id: number; readonly path: string }
  | { readonly type: 'change' | 'limits' | 'unknown'; readonly id: number };

/** Packet types of requests that change something. */
const CHANGES: ReadonlySet<number> = new Set([6, 9, 10, 13, 14, 15, 18, 20]);
const PATHS = { 7: 'stat', 11: 'opendir', 16: 'realpath', 17: 'stat', 19: 'readlink' } as const;
const HANDLES = { 4: 'close', 8: 'fstat', 12: 'readdir' } as const;
const [INIT, OPEN, READ, EXTENDED] = [1, 3, 5, 200];

/** A request that breaks the protocol: the session cannot go on. */
export class BrokenPacket extends Error {
  override readonly name = 'BrokenPacket';
}

/**
 * @param packet without its length field
 * @throws BrokenPacket if the packet ends before its fields do
 */
export function readRequest(packet: Buffer): Request {
  const fields = fieldsOf(packet);
  const type = fields.byte();
  if (type === INIT) {
    fields.uint32();
    return { type: 'init' };
  }
  const id = fields.uint32();
  if (type === OPEN) return { type: 'open', id, path: fields.text(), flags: fields.uint32() };
  if (type === READ) {
    return { type: 'read', id, handle: fields.handle(), offset: fields.uint64(), length: fields.uint32() };
  }
  if (isOf(PATHS, type)) return { type: PATHS[type], id, path: fields.text() };
  if (isOf(HANDLES, type)) return { type: HANDLES[type], id, handle: fields.handle() };
  if (type === EXTENDED && fields.text() === LIMITS) return { type: 'limits', id };
  return { type: CHANGES.has(type) ? 'change' : 'unknown', id };
}

function isOf<Names extends object>(names: Names, type: number): type is number & keyof Names {
  return Object.hasOwn(names, type);
}

function fieldsOf(packet: Buffer) {
  let at = 0;
  const take = (bytes: number): number => {
    if (bytes > packet.length - at) throw new BrokenPacket('A packet ends before its fields do.');
    at += bytes;
    return at - bytes;
  };
  const uint32 = () => packet.readUInt32BE(take(4));
  const string = () => {
    const bytes = uint32();
    return packet.subarray(take(bytes), at);
  };
  return {
    byte: () => packet.readUInt8(take(1)),
    uint32,
    /** Larger than any file: no number can hold it exactly. */
    uint64: () => Number(packet.readBigUInt64BE(take(8))),
    text: () => string().toString('utf8'),
    /** -1: not one of ours. */
    handle: () => {
      const bytes = string();
      return bytes.length === 4 ? bytes.readUInt32BE(0) : -1;
    },
  };
}

export function versionReply(): Buffer {
  return packetOf(2, [uint32(VERSION), text(LIMITS), text('1')]);
}

/** @param handlesMax handles that may be open at once */
export function limitsReply(id: number, handlesMax: number): Buffer {
  const limits = [PACKET_BYTES_MAX, READ_BYTES_MAX, READ_BYTES_MAX, handlesMax];
  return packetOf(201, [uint32(id), ...limits.map(uint64)]);
}

export function statusReply(id: number, status: Status, message: string): Buffer {
  return packetOf(101, [uint32(id), uint32(status), text(message), text('en')]);
}

export function handleReply(id: number, handle: number): Buffer {
  return packetOf(102, [uint32(id), uint32(4), uint32(handle)]);
}

export function attributesReply(id: number, attributes: Attributes): Buffer {
  return packetOf(105, [uint32(id), attributesOf(attributes)]);
}

export function namesReply(id: number, entries: readonly Named[]): Buffer {
  const names = entries.flatMap((entry) => [text(entry.name), text(longName(entry)), attributesOf(entry)]);
  return packetOf(104, [uint32(id), uint32(entries.length), ...names]);
}

/** Answers a realpath request; its attributes are empty. */
export function pathReply(id: number, path: string): Buffer {
  return packetOf(104, [uint32(id), uint32(1), text(path), text(path), uint32(0)]);
}

/** Writes the header of a data reply in front of its data. @param reply header and data */
export function putDataHeader(reply: Buffer, id: number): void {
  reply.writeUInt32BE(reply.length - 4, 0);
  reply.writeUInt8(103, 4);
  reply.writeUInt32BE(id, 5);
  reply.writeUInt32BE(reply.length - DATA_HEADER_BYTES, 9);
}

function packetOf(type: number, fields: readonly Buffer[]): Buffer {
  const bytes = fields.reduce((sum, field) => sum + field.length, 1);
  return Buffer.concat([uint32(bytes), Buffer.of(type), ...fields]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** Size, owner, permissions and times. */
const ATTRIBUTE_FLAGS = 0x1 | 0x2 | 0x4 | 0x8;
/**
 * `rwxr-xr-x` and `rw-r--r--`, with the type of the file: clients give their copies the same, and could not put the next day
 * into a copy of a directory that nobody may write to. Source: POSIX, sys/stat.h.
 */
const MODES = { directory: 0o040755, file: 0o100644 };

function attributesOf({ kind, bytes, modifiedAt }: Attributes): Buffer {
  const seconds = uint32(Math.floor(modifiedAt.getTime() / 1000));
  return Buffer.concat([
    uint32(ATTRIBUTE_FLAGS),
    uint64(bytes),
    ...[uint32(0), uint32(0), uint32(MODES[kind]), seconds, seconds],
  ]);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A line as `ls -l` prints it, in UTC: some clients read it. */
function longName({ name, kind, bytes, modifiedAt }: Named): string {
  const mode = kind === 'directory' ? 'drwxr-xr-x' : '-rw-r--r--';
  const day = String(modifiedAt.getUTCDate()).padStart(2);
  const date = `${MONTHS[modifiedAt.getUTCMonth()]} ${day}  ${modifiedAt.getUTCFullYear()}`;
  return `${mode}    1 waybill  waybill  ${String(bytes).padStart(12)} ${date} ${name}`;
}

/** Cuts a stream into packets. @throws BrokenPacket if one is empty or too long */
export async function* packetsOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  let wanted = 4;
  for await (const chunk of source) {
    held.push(chunk);
    bytes += chunk.length;
    if (bytes < wanted) continue;
    let rest = held.length === 1 ? chunk : Buffer.concat(held);
    for (wanted = wantedOf(rest); rest.length >= wanted; wanted = wantedOf(rest)) {
      yield rest.subarray(4, wanted);
      rest = rest.subarray(wanted);
    }
    held = rest.length > 0 ? [rest] : [];
    bytes = rest.length;
  }
}

/** Bytes of the first packet with its length field, or of that field if it is not complete. */
function wantedOf(bytes: Buffer): number {
  if (bytes.length < 4) return 4;
  const length = bytes.readUInt32BE(0);
  if (length === 0 || length > PACKET_BYTES_MAX) throw new BrokenPacket(`A packet has ${length} bytes.`);
  return 4 + length;
}
