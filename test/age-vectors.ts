import { inflateSync } from 'node:zlib';

/** One of age's own test vectors. Source: C2SP/CCTV, age, README. */
export interface Vector {
  readonly name: string;
  readonly expect: string;
  /** Private keys, one a line; empty: a passphrase opens it. */
  readonly identity: string;
  /** SHA-256 of all that may be released. */
  readonly payload: string | undefined;
  readonly armored: boolean;
  readonly file: Buffer;
}

export function parseVector(name: string, bytes: Uint8Array): Vector {
  const buffer = Buffer.from(bytes);
  const end = buffer.indexOf('\n\n');
  const fields = buffer
    .subarray(0, end)
    .toString()
    .split('\n')
    .map((line) => line.split(': ') as [string, string]);
  const all = (key: string) => fields.flatMap(([field, value]) => (field === key ? [value] : []));
  const body = buffer.subarray(end + 2);
  return {
    name,
    expect: all('expect')[0] ?? '',
    identity: all('identity').join('\n'),
    payload: all('payload')[0],
    armored: all('armored')[0] === 'yes',
    file: all('compressed')[0] === 'zlib' ? inflateSync(body) : body,
  };
}
