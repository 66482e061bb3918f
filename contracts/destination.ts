import type { Day } from './recurrence.ts';

/** How many SHA-256 digests, in base64 without padding, a host key's fingerprint has: one, as `ssh-keygen -l` prints it. */
export const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/;

/** Where files are put at a destination. */
interface Layout {
  /** As {@link templateProblem} accepts it. */
  readonly template: string;
  /** Files with more rows are split; `null`: never. @minimum 1 */
  readonly rowsPerFile: number | null;
}

/** A tenant's own SFTP server. Holds no secret. */
export interface SftpDestination extends Layout {
  readonly kind: 'sftp';
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Absolute, or relative to where the server puts the user. */
  readonly directory: string;
  /** Fingerprint of the only host key that is accepted: {@link FINGERPRINT}. */
  readonly hostKey: string;
  /** Type of that key, such as `ssh-ed25519`; `null`: only the fingerprint is known. */
  readonly hostKeyType: string | null;
}

/** A tenant's own bucket. Holds no secret. */
export interface S3Destination extends Layout {
  readonly kind: 's3';
  /** `https://` URL of the service, without a path. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** `path`: the bucket is in the path; `virtual-host`: it is in the host name. */
  readonly addressing: 'path' | 'virtual-host';
  /** Of every key, without slashes at either end; may be empty. */
  readonly prefix: string;
}

export type DestinationConfig = SftpDestination | S3Destination;

/** What opens a destination. Stored sealed only. */
export type DestinationSecret =
  | { readonly password: string }
  | { readonly privateKey: string; readonly passphrase?: string }
  | { readonly accessKey: string; readonly secretKey: string };

/** Longest template, in characters. */
const TEMPLATE_LENGTH_MAX = 200;

/**
 * Checks a template of directories, such as `{year}/{month}/{day}/{entity}`. Every day and entity must get one of its own, and
 * none may lie outside.
 *
 * @returns what is wrong, as a sentence; `undefined`: nothing
 */
export function templateProblem(template: string): string | undefined {
  if (template.length > TEMPLATE_LENGTH_MAX) return `Should have at most ${TEMPLATE_LENGTH_MAX} characters.`;
  const unknown = /\{(?!(?:year|month|day|date|entity)\})[^}]*\}?/.exec(template)?.[0];
  if (unknown !== undefined) return `${unknown} is not known; there are {date}, {year}, {month}, {day} and {entity}.`;
  if (!template.includes('{entity}')) return 'Should contain {entity}.';
  if (!hasDate(template)) {
    return 'Should contain the date: {date}, or {year}, {month} and {day}.';
  }
  const plain = template.replaceAll(/\{\w+\}/g, 'x');
  if (!/^[A-Za-z0-9._/-]+$/.test(plain)) return 'May contain letters, digits, dots, hyphens, underscores and slashes.';
  if (plain.split('/').some((part) => part === '' || part.startsWith('.'))) {
    return 'Its parts between slashes should not be empty, and not begin with a dot.';
  }
  return undefined;
}

function hasDate(template: string): boolean {
  const has = (name: string) => template.includes(`{${name}}`);
  return has('date') || ['year', 'month', 'day'].every(has);
}

/** @returns the directory of an entity's files */
export function renderTemplate(template: string, day: Day, entity: string): string {
  const [year = '', month = '', date = ''] = day.split('-');
  const values: Readonly<Record<string, string>> = { year, month, day: date, date: day, entity };
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
}

/**
 * Path of a day's manifest, above the directories of the entities: `2026/11/21/manifest.json`, or `manifest-2026-11-21.json` where
 * those are not in a directory of the day.
 */
export function manifestPath(template: string, day: Day): string {
  const parts = template.split('/');
  const above = parts.slice(
    0,
    parts.findIndex((part) => part.includes('{entity}')),
  );
  const name = hasDate(above.join('/')) ? 'manifest.json' : `manifest-${day}.json`;
  return [...above.map((part) => renderTemplate(part, day, '')), name].join('/');
}

/**
 * Paths of a file's pieces: `…/user.csv`, or `…/user_0001.csv`, `…/user_0002.csv` and so on if it has more rows than a piece
 * may have.
 *
 * @param path without extension
 * @param extension with its dot
 */
export function piecePaths(
  path: string,
  extension: string,
  rows: number,
  rowsPerFile: number | null,
): readonly string[] {
  if (rowsPerFile === null || rows <= rowsPerFile) return [`${path}${extension}`];
  const count = Math.ceil(rows / rowsPerFile);
  return Array.from({ length: count }, (_, place) => piecePath(path, extension, place));
}

/** @param place counts from 0 */
export function piecePath(path: string, extension: string, place: number): string {
  return `${path}_${String(place + 1).padStart(4, '0')}${extension}`;
}

/** Whether another path is that of a piece of the file, or was one when it had more or fewer pieces. */
export function isPieceOf(path: string, extension: string, other: string): boolean {
  if (!other.startsWith(path) || !other.endsWith(extension)) return false;
  return /^(?:_\d{4,})?$/.test(other.slice(path.length, other.length - extension.length));
}
