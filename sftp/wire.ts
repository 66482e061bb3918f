import { createSecretKey, type KeyObject, randomFillSync } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Connection } from 'ssh2';
import { free } from '../streams/blocks.ts';

/** Bytes that are gathered for one write to the socket. */
const BLOCK_BYTES = 320 * 1024;
/** Blocks that are kept for the next writes. */
const SPARE_BLOCKS_MAX = 4;
/** Smaller buffers share their memory with others. */
const OWN_BYTES_MIN = 8 * 1024;

/** Sits between the SSH library and its socket. */
export interface Wire {
  /** Bytes that have been written by the library and have not left this process. */
  heldBytes(): number;
  /** Frees the memory of what has been gathered: the library no longer needs it. */
  release(): void;
  /** Does not send the library's next write if it is this line, which was sent already. */
  omit(line: Buffer): void;
}

/**
 * Gathers what the library writes, three pieces for each packet of 32 KiB, into few large blocks that are used again.
 * Without it, the memory of packets and of their encrypted form, 2 GB for each GB, costs more in garbage collection
 * than their encryption.
 */
export function gatherWrites(socket: Socket): Wire {
  const [write, end] = [socket.write.bind(socket), socket.end.bind(socket)];
  const spare: Buffer[] = [];
  let block: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let gathered: Uint8Array[] = [];
  let filled = 0;
  let omitted: Buffer | undefined;

  function flush(): void {
    if (filled === 0) return;
    const full = block;
    write(full.subarray(0, filled), () => {
      if (spare.length < SPARE_BLOCKS_MAX) spare.push(full);
    });
    block = spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    filled = 0;
  }

  function release(): void {
    for (const data of gathered) free(data);
    gathered = [];
  }

  function gather(data: Uint8Array): boolean {
    if (omitted?.equals(data)) {
      omitted = undefined;
      return true;
    }
    if (filled === 0) {
      process.nextTick(() => {
        flush();
        release();
      });
    }
    for (let at = 0; at < data.byteLength; ) {
      const taken = data.subarray(at, at + BLOCK_BYTES - filled);
      block.set(taken, filled);
      at += taken.byteLength;
      filled += taken.byteLength;
      if (filled === BLOCK_BYTES) flush();
    }
    // Not freed yet: the library still computes the MAC of it.
    if (data.byteLength >= OWN_BYTES_MIN) gathered.push(data);
    return true;
  }

  Object.assign(socket, {
    write: (data: Uint8Array | string) => gather(typeof data === 'string' ? Buffer.from(data) : data),
    end: () => {
      flush();
      return end();
    },
  });
  return {
    heldBytes: () => socket.writableLength + filled,
    release,
    omit: (line) => {
      omitted = line;
    },
  };
}

/** What the library holds of its outbound cipher, which it makes anew with every key exchange. */
interface Internals {
  readonly _protocol?: {
    readonly _cipher?: {
      _encKey?: Buffer | KeyObject;
      _macKey?: Buffer | KeyObject;
      /** Only of AES-GCM. */
      readonly _encIV?: Buffer;
      encrypt?: (packet: Uint8Array) => void;
      allocPacket?: (payloadBytes: number) => Buffer;
    };
  };
}

/**
 * Makes the library's outbound cipher cheaper; to be called after each key exchange.
 *
 * - Its keys, which it hands to Node once a packet, become key objects. Given a buffer, Node 24 throws and catches an error to
 *   learn that it is no key object, which takes twice as long as the encryption of 32 KiB.
 * - Packets of AES-GCM are made in one block that is used again; the memory of others is freed once they are encrypted.
 *
 * Nothing but the speed depends on this: if the members have other names in a later version, nothing is changed.
 *
 * @returns whether the cipher was found
 */
export function easeCipher(connection: Connection, wire: Wire): boolean {
  const cipher = (connection as Connection & Internals)._protocol?._cipher;
  const encrypt = cipher?.encrypt?.bind(cipher);
  const allocate = cipher?.allocPacket?.bind(cipher);
  if (!cipher || !encrypt || !allocate) return false;
  let isFound = false;
  for (const name of ['_encKey', '_macKey'] as const) {
    const key = cipher[name];
    if (!Buffer.isBuffer(key)) continue;
    cipher[name] = createSecretKey(key);
    isFound = true;
  }
  const packets = createPackets();
  if (cipher._encIV) cipher.allocPacket = (bytes) => packets.take(bytes) ?? allocate(bytes);
  cipher.encrypt = (packet) => {
    encrypt(packet);
    wire.release();
    if (packets.giveBack(packet)) return;
    if (packet.byteLength >= OWN_BYTES_MIN) free(packet);
  };
  return isFound;
}

/** Largest packet that is made in the block, in bytes: a client's 32 KiB of data with what is around them. */
const PACKET_BYTES_MAX = 33 * 1024;
const PADDINGS_BYTES = 4096;

/**
 * The library encrypts each packet before it makes the next, so one block serves them all. The random bytes of their padding are
 * drawn for many packets at once.
 */
function createPackets() {
  const block = Buffer.allocUnsafeSlow(PACKET_BYTES_MAX);
  const paddings = Buffer.allocUnsafeSlow(PADDINGS_BYTES);
  let paddingAt = PADDINGS_BYTES;
  let isTaken = false;

  return {
    /** @returns a packet of AES-GCM with everything but its payload; `undefined` if the block cannot serve. Source: RFC 4253 section 6, RFC 5647 section 7.2 */
    take(payloadBytes: number): Buffer | undefined {
      const short = 16 - ((1 + payloadBytes) % 16);
      const padding = short < 4 ? short + 16 : short;
      const bytes = 4 + 1 + payloadBytes + padding;
      if (isTaken || bytes > PACKET_BYTES_MAX) return undefined;
      isTaken = true;
      if (paddingAt + padding > PADDINGS_BYTES) {
        randomFillSync(paddings);
        paddingAt = 0;
      }
      block.writeUInt32BE(bytes - 4, 0);
      block.writeUInt8(padding, 4);
      paddings.copy(block, 4 + 1 + payloadBytes, paddingAt, paddingAt + padding);
      paddingAt += padding;
      return block.subarray(0, bytes);
    },
    /** @returns whether the packet was in the block */
    giveBack({ buffer }: Uint8Array): boolean {
      if (buffer !== block.buffer) return false;
      isTaken = false;
      return true;
    },
  };
}
