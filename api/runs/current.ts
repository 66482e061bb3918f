import { createHash, timingSafeEqual } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import type { StandingOrder, StandingOrderRef } from '../../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../../stores/objects/manifests.ts';
import { recipientOf } from '../../streams/age/keys.ts';
import type { ApiDeps } from '../deps.ts';
import { InvalidFields } from '../http/field-errors.ts';
import { TryLater } from '../http/problems.ts';

/** Seconds to wait for files that have not been produced yet, and for files that have just been replaced. */
const PRODUCING_SECONDS = 30;
const REPLACED_SECONDS = 1;

/** How a download is decrypted: with a private key, or not at all. */
export type Decryption =
  | { readonly sealed: true }
  | {
      readonly sealed: false;
      /** Secret: only kept in memory, never logged or sent back. `undefined`: missing in the request */
      readonly privateKey: string | undefined;
    };

/** Access of a download to the run that was current when the download began. */
export interface DownloadGrant extends StoredRun {
  /** The verified private key; `null`: the files stay sealed. Secret. */
  readonly key: string | null;
  /** Rejects the download if the recipient has been replaced since it began. Called before the first byte is sent. */
  readonly assertCurrent: () => Promise<void>;
}

/**
 * Answers a download from the current run of a standing order. If files are missing, the error gives the reason: the run
 * has been replaced meanwhile, or the files are damaged.
 *
 * @throws WaybillError `not_enabled`, `wrong_key`, `object_damaged`; InvalidFields `missing_field`; TryLater
 *   `not_produced`
 */
export async function withCurrentRun(
  { ledger, objects }: Pick<ApiDeps, 'ledger' | 'objects'>,
  { tenant, kind }: StandingOrderRef,
  decryption: Decryption,
  answer: (grant: DownloadGrant) => Promise<Response>,
): Promise<Response> {
  const standingOrder = () => ledger.standingOrders.find(tenant, kind);
  const { recipient, epoch, currentRunId, key } = await proveAccess(await standingOrder(), decryption);
  const refuseReplaced = async (now: StandingOrder | undefined): Promise<never> => {
    await proveAccess(now, decryption);
    throw new TryLater('not_produced', REPLACED_SECONDS, 'The files have just been replaced. Send the request again.');
  };
  const assertCurrent = async () => {
    const now = await standingOrder();
    if (now?.epoch !== epoch) await refuseReplaced(now);
  };
  try {
    const run = await ledger.runs.find(currentRunId);
    if (run?.tenant !== tenant) throw new WaybillError('gone');
    const stored = await openManifest(objects, run);
    const { recipients } = stored.manifest;
    if (recipients.length !== 1 || recipients[0] !== recipient) throw new WaybillError('object_damaged');
    return await answer({ ...stored, key, assertCurrent });
  } catch (error) {
    if (!(error instanceof WaybillError && error.code === 'gone')) throw error;
    const now = await standingOrder();
    if (now?.currentRunId !== currentRunId) await refuseReplaced(now);
    throw new WaybillError('object_damaged', undefined, { cause: error });
  }
}

async function proveAccess(settings: StandingOrder | undefined, decryption: Decryption) {
  if (!settings || settings.recipient === null) throw new WaybillError('not_enabled');
  const { recipient, epoch, currentRunId } = settings;
  const key = decryption.sealed ? null : await proveKey(decryption.privateKey, recipient);
  if (currentRunId === null) throw notProduced();
  return { recipient, epoch, currentRunId, key };
}

async function proveKey(privateKey: string | undefined, recipient: string): Promise<string> {
  if (privateKey === undefined) {
    const message =
      'privateKey is missing. Send it in the header x-private-key, or request sealed files with sealed=true.';
    throw new InvalidFields([{ field: 'privateKey', code: 'missing_field', message }]);
  }
  if (!isSameText(await recipientOf(privateKey), recipient)) {
    const message = 'The files are not sealed to this private key. Use the one from the last enable or rotate.';
    throw new WaybillError('wrong_key', message);
  }
  return privateKey;
}

/** @param message names the missing file; omitted if all files are missing */
export function notProduced(message?: string): TryLater {
  return new TryLater('not_produced', PRODUCING_SECONDS, message);
}

/** Compares in constant time, regardless of lengths. */
function isSameText(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
