import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { Envelope, type PublicKey, PublicKeys } from '../../contracts/envelope.ts';
import { checkEnvelope } from '../../streams/envelope.ts';
import { usage } from '../failure.ts';
import { envelopePath } from './locate.ts';

/** @param file a JSON Web Key Set, as the API publishes it. @throws CliFailure if it is none */
export function readPublicKeys(file: string): readonly PublicKey[] {
  const keys = readJsonFile(file, PublicKeys);
  if (keys === undefined) throw usage(`The keys "${file}" cannot be read.`);
  if (keys === 'other')
    throw usage(`"${file}" is not a set of public keys.`, 'GET /.well-known/waybill-keys.json returns one.');
  return keys.keys;
}

/** How the signature of a manifest was found. */
export type SignatureCheck =
  /** Without keys it is not checked. */
  | { readonly state: 'none' | 'unchecked' }
  | { readonly state: 'valid'; readonly key: PublicKey }
  /** @param problem the rest of a sentence about the manifest */
  | { readonly state: 'invalid'; readonly problem: string };

/** @returns the signed manifest beside a manifest; `undefined`: there is none; `other`: it cannot be read */
export function envelopeBeside(manifestPath: string): Envelope | 'other' | undefined {
  return readJsonFile(envelopePath(manifestPath), Envelope);
}

/**
 * Checks a signed manifest.
 *
 * @param manifest its bytes
 * @param keys `undefined`: do not check
 */
export async function checkSignature(
  manifest: Uint8Array,
  envelope: Envelope | 'other' | undefined,
  keys: readonly PublicKey[] | undefined,
): Promise<SignatureCheck> {
  if (envelope === undefined) return keys ? invalid('is not signed') : { state: 'none' };
  if (!keys) return { state: 'unchecked' };
  if (envelope === 'other') return invalid('has a signature that cannot be read');
  const found = await checkEnvelope(envelope, manifest, keys);
  return 'key' in found ? { state: 'valid', key: found.key } : invalid(found.problem);
}

function invalid(problem: string): SignatureCheck {
  return { state: 'invalid', problem };
}

/** @returns `undefined` if there is no such file; `other` if it is not of this schema */
function readJsonFile<Schema extends z.ZodType>(file: string, schema: Schema): z.output<Schema> | 'other' | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return schema.safeParse(JSON.parse(text)).data ?? 'other';
  } catch {
    return 'other';
  }
}
