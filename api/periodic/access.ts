import { createHash, timingSafeEqual } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import type { Manifest } from '../../contracts/manifest.ts';
import type { StandingOrder } from '../../stores/ledger/ports.ts';
import { recipientOf } from '../../streams/age/keys.ts';
import type { ApiDeps } from '../deps.ts';
import { InvalidFields, TryLater } from '../http/problems.ts';
import { openGeneration, type StoredGeneration } from './stored-generation.ts';

/** How a download is to be opened: with a private key, or not at all. */
export type Opening =
  | { readonly sealed: true }
  | {
      readonly sealed: false;
      /** Secret: used in memory, and never logged or repeated. `undefined`: none was sent */
      readonly privateKey: string | undefined;
    };

/** @param keyHeader value of `x-private-key`, which takes precedence over the query */
export function openingOf(
  { sealed, privateKey }: { readonly sealed: boolean; readonly privateKey?: string | undefined },
  keyHeader: string | undefined,
): Opening {
  return sealed ? { sealed } : { sealed, privateKey: keyHeader || privateKey };
}

/** What a download is of: settings taken once, and one generation. */
export interface Admission extends StoredGeneration {
  readonly settings: StandingOrder;
  /** The private key, which is proven to be the right one; `null`: the files stay sealed. Secret. */
  readonly key: string | null;
}

export type AccessDeps = Pick<ApiDeps, 'ledger' | 'objects'>;

/** Seconds after which files that are not there yet are worth another question. */
const PRODUCING_SECONDS = 30;
const REPLACED_SECONDS = 1;

/**
 * Lets a download in.
 *
 * @throws WaybillError `not_enabled`, `wrong_key`, `object_damaged`; InvalidFields `missing_field`; TryLater
 *   `not_produced`
 */
export async function admit(deps: AccessDeps, tenant: string, opening: Opening): Promise<Admission> {
  const { settings, generationId, key } = await proveAccess(
    await deps.ledger.standingOrders.find(tenant, 'periodic'),
    opening,
  );
  return explained(deps, settings, opening, async () => {
    const record = await deps.ledger.runs.find(generationId);
    if (record?.tenant !== tenant) throw new WaybillError('gone');
    const generation = await openGeneration(deps.objects, record);
    if (!isSealedTo(generation.manifest, settings.recipient)) throw new WaybillError('object_damaged');
    return { ...generation, settings, key };
  });
}

function isSealedTo({ recipients }: Manifest, recipient: string | null): boolean {
  return recipients.length === 1 && recipients[0] === recipient;
}

/**
 * Looks once more, before the first byte is sent: of files whose recipient was replaced meanwhile, no download begins.
 *
 * @throws as {@link admit}
 */
export async function assertStands(deps: AccessDeps, { settings }: Admission, opening: Opening): Promise<void> {
  const now = await deps.ledger.standingOrders.find(settings.tenant, 'periodic');
  if (now?.epoch !== settings.epoch) await refuseReplaced(now, opening);
}

/**
 * Does what reads files. Where they turn out to be gone, it says why: because the settings changed, or for no good reason.
 *
 * @throws as {@link admit}
 */
export async function explained<Answer>(
  deps: AccessDeps,
  settings: StandingOrder,
  opening: Opening,
  read: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof WaybillError && error.code === 'gone')) throw error;
    const now = await deps.ledger.standingOrders.find(settings.tenant, 'periodic');
    if (now?.currentRunId !== settings.currentRunId) await refuseReplaced(now, opening);
    throw new WaybillError('object_damaged', undefined, { cause: error });
  }
}

async function refuseReplaced(now: StandingOrder | undefined, opening: Opening): Promise<never> {
  await proveAccess(now, opening);
  throw new TryLater('not_produced', REPLACED_SECONDS, 'The files were replaced a moment ago. Ask again.');
}

/** @returns the settings, which are there, and the generation that downloads are of */
async function proveAccess(
  settings: StandingOrder | undefined,
  opening: Opening,
): Promise<Pick<Admission, 'settings' | 'key'> & { readonly generationId: string }> {
  if (!settings || settings.recipient === null) throw new WaybillError('not_enabled');
  const key = opening.sealed ? null : await proveKey(opening.privateKey, settings.recipient);
  if (settings.currentRunId === null) throw notProduced();
  return { settings, key, generationId: settings.currentRunId };
}

async function proveKey(privateKey: string | undefined, recipient: string): Promise<string> {
  if (privateKey === undefined) throw missingKey();
  if (!sameText(await recipientOf(privateKey), recipient)) throw wrongKey();
  return privateKey;
}

function missingKey(): InvalidFields {
  const message = 'privateKey is missing. Send it in the header x-private-key, or ask for the files sealed=true.';
  return new InvalidFields([{ field: 'privateKey', code: 'missing_field', message }]);
}

function wrongKey(): WaybillError {
  const message = 'The private key is not the one that the files are sealed to. Use the one that enable answered last.';
  return new WaybillError('wrong_key', message);
}

/** @param message what is not there, where that is not simply everything */
export function notProduced(message?: string): TryLater {
  return new TryLater('not_produced', PRODUCING_SECONDS, message);
}

/** Compares in constant time, whatever the lengths. */
function sameText(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
