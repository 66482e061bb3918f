import { createHash, type Hash } from 'node:crypto';
import type { ManifestPart } from '../../contracts/manifest.ts';

/** Why a file is not the one that its manifest describes. */
export class FileMismatch extends Error {
  override readonly name = 'FileMismatch';
}

/** Checks the bytes of a finished file, in order and cut anywhere, against the parts it is made of. */
export interface PartCheck {
  /** @throws FileMismatch as soon as a part is complete and has another hash, or there are too many bytes. */
  update(chunk: Uint8Array): void;
  /** A count of bytes taken so far. */
  readonly bytes: number;
  /** @throws FileMismatch when bytes are missing. */
  end(): void;
}

export function createPartCheck(parts: readonly Pick<ManifestPart, 'name' | 'bytes' | 'sha256'>[]): PartCheck {
  let index = 0;
  let bytes = 0;
  let bytesOfPart = 0;
  let hash: Hash = createHash('sha256');

  /** Empty parts are complete without a byte, so this runs before the first one as well. */
  function closeFullParts(): void {
    for (let part = parts[index]; part !== undefined && bytesOfPart === part.bytes; part = parts[index]) {
      if (hash.digest('hex') !== part.sha256) {
        throw new FileMismatch(`Part ${part.name} has another SHA-256 than the manifest says.`);
      }
      index += 1;
      bytesOfPart = 0;
      hash = createHash('sha256');
    }
  }

  return {
    update(chunk) {
      let rest = chunk;
      closeFullParts();
      while (rest.length > 0) {
        const part = parts[index];
        if (part === undefined) throw new FileMismatch('The file is longer than the manifest says.');
        const piece = rest.subarray(0, part.bytes - bytesOfPart);
        hash.update(piece);
        bytes += piece.length;
        bytesOfPart += piece.length;
        rest = rest.subarray(piece.length);
        closeFullParts();
      }
    },
    get bytes() {
      return bytes;
    },
    end() {
      closeFullParts();
      if (index < parts.length) throw new FileMismatch('The file is shorter than the manifest says.');
    },
  };
}
