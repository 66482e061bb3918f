import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'hono';
import { WaybillError } from '../../../contracts/failures.ts';
import { MARK_FILE } from '../components/icon.ts';

const DIRECTORY = fileURLToPath(new URL('../static/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Hex characters of the hash in an address. */
const HASH_LENGTH = 12;

/** Style sheet, scripts and mark. Their addresses contain a hash of their content, so browsers keep them for good. */
export interface Assets {
  /** @param name for example `waybill.css`. @returns its address. @throws RangeError if there is none */
  address(name: string): string;
  /** Answers GET of `…/assets/:hash/:name`. @throws WaybillError `not_found` */
  send(c: Context): Response;
}

/** @param path for example `/portal/assets` */
export function createAssets(path: string): Assets {
  const texts = new Map(
    readdirSync(DIRECTORY)
      .filter((name) => extname(name) in TYPES)
      .map((name) => [name, readFileSync(`${DIRECTORY}${name}`, 'utf8')]),
  );
  texts.set('mark.svg', MARK_FILE);
  const hashOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH);
  const hashes = new Map([...texts].map(([name, text]) => [name, hashOf(text)]));
  return {
    address(name) {
      const hash = hashes.get(name);
      if (hash === undefined) throw new RangeError(`there is no asset ${name}`);
      return `${path}/${hash}/${name}`;
    },
    send(c) {
      const name = c.req.param('name') ?? '';
      const text = texts.get(name);
      if (text === undefined) throw new WaybillError('not_found');
      // During an update, a page of the other version asks for its own file; this one must not be kept under that name.
      const isThis = c.req.param('hash') === hashes.get(name);
      return c.body(text, 200, {
        'Content-Type': TYPES[extname(name)] ?? '',
        'Cache-Control': isThis ? 'public, max-age=31536000, immutable' : 'no-store',
      });
    },
  };
}
