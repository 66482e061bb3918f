import type { Envelope } from '../../contracts/envelope.ts';
import { manifestKey } from '../../contracts/keys.ts';
import { envelopeOf, type Signature } from '../../streams/signing.ts';
import type { StoredRun } from './manifests.ts';
import type { Objects } from './objects.ts';

/** Name of the manifest object's metadata that holds its signature, `<keyid> <sig>`. */
const SIGNATURE = 'waybill-signature';

/** Stores a manifest and its signature in one request. */
export async function storeManifest(
  objects: Pick<Objects, 'put'>,
  prefix: string,
  bytes: Uint8Array,
  signature: Signature | undefined,
): Promise<void> {
  const metadata = signature && { [SIGNATURE]: `${signature.keyid} ${signature.sig}` };
  await objects.put(manifestKey(prefix), bytes, 'application/json', metadata);
}

/** @returns `undefined` if the manifest is not signed. @throws WaybillError `objects_unavailable` */
export async function readEnvelope(
  objects: Pick<Objects, 'head'>,
  { bytes, prefix }: StoredRun,
): Promise<Envelope | undefined> {
  const found = await objects.head(manifestKey(prefix));
  const [keyid, sig] = found?.metadata[SIGNATURE]?.split(' ') ?? [];
  return keyid && sig ? envelopeOf(bytes, { keyid, sig }) : undefined;
}
