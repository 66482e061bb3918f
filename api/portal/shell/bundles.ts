import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Context } from 'hono';
import { z } from 'zod';

const SCRIPT = fileURLToPath(new URL('../browser/write-bundles.ts', import.meta.url));
/** Largest output, in bytes. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** How long bundling may take on a busy machine, in milliseconds; the page that waits for it fails then. */
const BUNDLING_MS = 60_000;
/** Hex characters of the hash in an address. */
const HASH_LENGTH = 12;

export type BundleName = 'open-file.js' | 'open-file-worker.js';

const Bundles = z.record(z.string(), z.string());

/**
 * Scripts that use packages. They are bundled when they are first asked for, by a process of its own, so that an API whose users open no
 * files neither waits for the bundler nor holds its memory.
 */
export interface Bundles {
  /** @returns its address, with a hash of its content */
  address(name: BundleName): Promise<string>;
  /** Answers GET of `…/bundles/:hash/:name`. @returns `undefined` if there is none of this name */
  send(c: Context): Promise<Response | undefined>;
}

/** @param path for example `/portal/bundles` */
export function createBundles(path: string): Bundles {
  let written: Promise<ReadonlyMap<string, string>> | undefined;
  const texts = () => {
    written ??= writeBundles().catch((error: unknown) => {
      // The next page tries again.
      written = undefined;
      throw error;
    });
    return written;
  };
  const hashOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH);
  return {
    async address(name) {
      const text = (await texts()).get(name);
      if (text === undefined) throw new RangeError(`there is no bundle ${name}`);
      return `${path}/${hashOf(text)}/${name}`;
    },
    async send(c) {
      const text = (await texts()).get(c.req.param('name') ?? '');
      if (text === undefined) return undefined;
      // During an update, a page of the other version asks for its own file; this one must not be kept under that name.
      const isThis = c.req.param('hash') === hashOf(text);
      return c.body(text, 200, {
        'Content-Type': 'text/javascript; charset=utf-8',
        'Cache-Control': isThis ? 'public, max-age=31536000, immutable' : 'no-store',
      });
    },
  };
}

async function writeBundles(): Promise<ReadonlyMap<string, string>> {
  // No setting of the API, which may be secret, is for the bundler.
  const options = { maxBuffer: OUTPUT_BYTES_MAX, timeout: BUNDLING_MS, env: {} };
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT], options);
  return new Map(Object.entries(Bundles.parse(JSON.parse(stdout))));
}
