import { createHash } from 'node:crypto';
import { activityInfo } from '@temporalio/activity';
import { attemptKeys, earlierAttempts } from '../contracts/attempts.ts';
import { WaybillError } from '../contracts/failures.ts';
import { type Instant, instantFromDate } from '../contracts/instant.ts';
import { runPrefix } from '../contracts/keys.ts';
import { describeManifest, type FileContents, type Manifest } from '../contracts/manifest.ts';
import { dividedName, fileExtension } from '../contracts/order.ts';
import { ALL_STATUSES, versionText } from '../contracts/questionnaires.ts';
import { REQUESTS } from '../contracts/requests.ts';
import type {
  EndInput,
  EndResult,
  Published,
  PublishInput,
  StepResult,
  Totals,
  WrittenPart,
} from '../contracts/steps.ts';
import type { Run, Runs } from '../stores/ledger/ports.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { storeManifest } from '../stores/objects/signatures.ts';
import type { Ports } from './ports.ts';
import { runStep } from './step.ts';
import { checkStored, removeUnlisted } from './stored.ts';

const NO_HASHES: ReadonlyMap<string, string> = new Map();

interface PublishPorts extends Pick<Ports, 'signer' | 'logger'> {
  readonly ledger: { readonly runs: Pick<Runs, 'find' | 'noteAttempted'> };
  readonly objects: Pick<Objects, 'list' | 'put' | 'read' | 'abortUploadsOf' | 'remove'>;
  /** The step that records how a run ended. */
  readonly end: (input: EndInput) => Promise<EndResult>;
}

/**
 * Checks that the parts are stored with their sizes, writes and signs the manifest, and commits the run; a retry writes the same
 * bytes. Objects of lost attempts are removed before the commit; the reconciler removes those that appear later.
 */
export function createPublish({ objects, ledger: { runs }, signer, end, logger }: PublishPorts) {
  /** @returns nothing if the ledger does not answer: the workflow has a step for that, which is tried for a week */
  async function commit({ completion, ...run }: PublishInput, totals: Totals): Promise<Pick<Published, 'recorded'>> {
    if (!completion) return {};
    const { runId, workflowId, kind, tenant } = run;
    try {
      const ended = { state: 'completed', ...totals, ...completion } as const;
      const { recorded } = await end({ runId, workflowId, kind, tenant, end: ended });
      return { recorded };
    } catch {
      // `end` has logged it.
      return {};
    }
  }

  return async function publish(input: PublishInput): Promise<StepResult<Published>> {
    const { runId, tenant, order } = input;
    return runStep(logger, { tenant, dataset: order.subject }, async (signal) => {
      // The files of a run that an earlier attempt has committed may be gone already.
      const known = activityInfo().attempt > 1 ? await runs.find(runId) : undefined;
      if (known?.state === 'completed') return { ...totalsOf(known), recorded: true };
      const hashes = order.delivery || input.kind === REQUESTS ? await hashFiles(objects, input, signal) : NO_HASHES;
      const manifest = manifestOf(input, hashes);
      const prefix = runPrefix(input);
      const parts = input.written.filter(isWanted(input)).map(({ part }) => part);
      const unlisted = await checkStored(objects, prefix, parts);
      const attempted = parts.flatMap(({ name }) => earlierAttempts(name) ?? []);
      if (attempted.length + unlisted.length > 0) {
        await objects.abortUploadsOf(attemptKeys(prefix, attempted));
        await runs.noteAttempted(runId, attempted);
      }
      const body = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`, 'utf8');
      await storeManifest(objects, prefix, body, signer?.sign(body));
      await removeUnlisted(objects, unlisted, logger);
      const { rows, bytes, contentBytes } = manifest;
      const totals = { rows, bytes, contentBytes, manifestSha256: createHash('sha256').update(body).digest('hex') };
      // A cancel that the step has heard of still counts.
      signal.throwIfAborted();
      return { ...totals, ...(await commit(input, totals)) };
    });
  };
}

function totalsOf({ rows, bytes, contentBytes, manifestSha256 }: Run): Totals {
  return { rows: rows ?? 0, bytes: bytes ?? 0, contentBytes: contentBytes ?? 0, manifestSha256: manifestSha256 ?? '' };
}

/** @returns whether a part belongs to a file that the run does not do without */
function isWanted({ order, missing = [] }: PublishInput): (part: WrittenPart) => boolean {
  if (order.archive) return () => true;
  const skipped = new Set(missing.map(({ dataset }) => dataset));
  const names = new Set(order.files.filter(({ dataset }) => !skipped.has(dataset)).map(({ name }) => name));
  return ({ name }) => names.has(name);
}

/** @returns SHA-256 of the finished files, lower-case hex, by `<name>.<format>`; a file of several parts is read once more */
async function hashFiles(
  objects: Pick<Objects, 'read'>,
  input: PublishInput,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map<string, string>();
  const wanted = input.written.filter(isWanted(input));
  for (const [file, parts] of Map.groupBy(wanted, ({ name, format }) => `${name}.${format}`)) {
    const [first, ...others] = parts;
    if (!first) continue;
    if (others.length === 0) hashes.set(file, first.part.sha256);
    else hashes.set(file, await hashParts(objects, runPrefix(input), parts, signal));
  }
  return hashes;
}

async function hashParts(
  objects: Pick<Objects, 'read'>,
  prefix: string,
  parts: readonly WrittenPart[],
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  for (const { part } of [...parts].sort((one, other) => one.index - other.index)) {
    for await (const chunk of objects.read(`${prefix}${part.name}`, undefined, signal)) hash.update(chunk);
  }
  return hash.digest('hex');
}

/** @throws WaybillError `object_damaged` if a part was not written */
function manifestOf(input: PublishInput, hashes: ReadonlyMap<string, string>): Manifest {
  const { order, plan, written, missing = [], createdAt, expiresAt, ...run } = input;
  const { recipients, delivery } = order;
  const files = order.archive
    ? [archiveOf(input)]
    : order.files.flatMap(({ name, formats, ...content }, place): readonly FileContents[] => {
        const {
          dataset,
          window,
          parameters,
          filter,
          csv,
          timeZone,
          compression,
          load,
          key,
          addedColumns,
          rows: rowsWanted,
          rowsPerFile,
        } = content;
        if (missing.some((other) => other.dataset === dataset)) return [];
        const planned = plan.files[place];
        if (!planned) throw new WaybillError('object_damaged');
        return formats.flatMap((format): readonly FileContents[] => {
          const parts = written
            .filter((candidate) => candidate.name === name && candidate.format === format)
            .sort((one, other) => one.index - other.index)
            .map(({ part }) => part);
          if (parts.length !== planned.parts.length) throw new WaybillError('object_damaged');
          const hash = hashes.get(`${name}.${format}`);
          const extension = fileExtension({ format, compression, recipients });
          const described = {
            ...{ name, file: `${name}.${extension}`, dataset, window, parameters, format, compression },
            ...{ csv: format === 'csv' ? csv : null, columns: planned.columns },
            ...(filter && { filter }),
            ...(timeZone !== undefined && { timeZone }),
            ...(load && { load }),
            ...(rowsWanted && { rowsWanted: rowsWanted === 'keys' ? rowsWanted : ('deleted' as const) }),
            ...(key && { key }),
            ...(addedColumns && { addedColumns }),
            ...(rowsPerFile !== undefined && { rowsPerFile }),
          };
          if (rowsPerFile !== undefined && parts.length > 1) {
            return parts.map((part, index) => {
              const own = dividedName(name, index);
              const slice = planned.parts[index]?.slice;
              return { ...described, name: own, file: `${own}.${extension}`, ...(slice && { slice }), parts: [part] };
            });
          }
          const { rowsByDay } = planned;
          return [
            { ...described, ...(rowsByDay && { rowsByDay }), parts, ...(hash !== undefined && { sha256: hash }) },
          ];
        });
      });
  const { kind, runId, workflowId, tenant } = run;
  return describeManifest(
    {
      ...{ kind, runId, workflowId, tenant, snapshotAt: plan.snapshotAt, recipients },
      ...(delivery && {
        delivery: { ...delivery, missing: missing.map(({ dataset, failure }) => ({ dataset, ...failure })) },
      }),
      ...{ createdAt: toInstant(createdAt), expiresAt: expiresAt === null ? null : toInstant(expiresAt) },
    },
    files,
  );
}

/** @throws WaybillError `object_damaged` if it was not written */
function archiveOf({ order, written }: PublishInput): FileContents {
  const [only] = written;
  if (!order.archive || !only?.members) throw new WaybillError('object_damaged');
  const { name, bundle, type, status, from, to, ...version } = order.archive;
  const format = 'zip';
  return {
    ...{ name, file: `${name}.${fileExtension({ format, compression: 'none', recipients: order.recipients })}` },
    ...{ dataset: `${bundle}/${versionText(version)}`, window: null, format, csv: null, compression: 'none' },
    parameters: { type, status: status ?? ALL_STATUSES, ...(from !== null && { from }), ...(to !== null && { to }) },
    ...(only.encryption && { encryption: only.encryption }),
    ...{ columns: [], members: only.members, parts: [only.part] },
  };
}

function toInstant(iso: string): Instant {
  return instantFromDate(new Date(iso));
}
