import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { Envelope, type PublicKey, PublicKeys } from '../../contracts/envelope.ts';
import { checkEnvelope } from '../../streams/signing.ts';
import { usage } from '../failure.ts';
import { envelopePath, type ReadManifest } from './locate.ts';

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

/** Checks the signed manifest that lies beside a manifest. @param keys `undefined`: do not check */
export function checkSignature(manifest: ReadManifest, keys: readonly PublicKey[] | undefined): SignatureCheck {
  const envelope = readJsonFile(envelopePath(manifest.path), Envelope);
  if (envelope === undefined) return keys ? invalid('is not signed') : { state: 'none' };
  if (!keys) return { state: 'unchecked' };
  if (envelope === 'other') return invalid('has a signature that cannot be read');
  const found = checkEnvelope(envelope, manifest.bytes, keys);
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
