import { WaybillError } from '../../contracts/failures.ts';
import { dayOf } from '../../contracts/keys.ts';
import type { DestinationShown } from '../../contracts/views/destination.ts';
import type { Delivery, Destination } from '../../stores/ledger/ports.ts';
import { probe, type Remotes } from '../../stores/remotes/remote.ts';
import type { ApiDeps } from '../deps.ts';
import { TryLater } from '../http/problems.ts';
import type { RouteAnswer } from '../openapi.ts';
import { readDestination } from './destination-input.ts';
import type { putDestination, removeDestination, showDestination, testDestination } from './destination-routes.ts';

/** How long a test may take, in milliseconds. */
const TEST_MS = 20_000;

type DestinationDeps = Pick<ApiDeps, 'ledger' | 'remotes'>;

/** Answers `PUT /export/destination`: the request is the whole destination from now on. */
export function putDestinationHandler({ ledger, remotes }: DestinationDeps): RouteAnswer<typeof putDestination> {
  return async function setDestination(c) {
    const offered = offeredRemotes(remotes);
    const { config, secret } = readDestination(c.req.valid('json'));
    const { tenant, actor } = c.get('caller');
    await offered.check(config);
    const sealed = offered.seal(tenant.key, secret);
    const destination = await ledger.destinations.put({ tenant: tenant.key, config, secret: sealed, actor });
    const message = 'The destination is set: the files of every further run are delivered there.';
    return c.json(answerOf(message, destination, await ledger.deliveries.last(tenant.key)), 200);
  };
}

/** Answers `GET /export/destination`. */
export function showDestinationHandler({
  ledger,
}: Pick<DestinationDeps, 'ledger'>): RouteAnswer<typeof showDestination> {
  return async function showDestination(c) {
    const { tenant } = c.get('caller');
    const destination = await findDestination(ledger, tenant.key);
    const last = await ledger.deliveries.last(tenant.key);
    return c.json(answerOf('Files are delivered to this destination.', destination, last), 200);
  };
}

/** Answers `DELETE /export/destination`. Deliveries that are under way stop before their next file. */
export function removeDestinationHandler({
  ledger,
}: Pick<DestinationDeps, 'ledger'>): RouteAnswer<typeof removeDestination> {
  return async function removeDestination(c) {
    const { tenant, actor } = c.get('caller');
    const removed = await ledger.destinations.remove(tenant.key, actor);
    const message = removed ? 'The destination and its credentials are removed.' : 'There was no destination.';
    return c.json({ status: 'success' as const, message, result: { removed } }, 200);
  };
}

/** Answers `POST /export/destination/test`. One test of a tenant runs at a time, so that nobody scans networks with it. */
export function testDestinationHandler({ ledger, remotes }: DestinationDeps): RouteAnswer<typeof testDestination> {
  const running = new Set<string>();

  return async function tryDestination(c) {
    const { tenant, actor } = c.get('caller');
    const destination = await findDestination(ledger, tenant.key);
    if (running.has(tenant.key)) {
      throw new TryLater('rate_limited', TEST_MS / 1000, 'A test of this destination is running. Wait until it ends.');
    }
    running.add(tenant.key);
    const began = performance.now();
    let outcome = 'passed';
    try {
      const replaces = await test(offeredRemotes(remotes), destination);
      const milliseconds = Math.round(performance.now() - began);
      const message = 'A file was written, replaced, listed and removed.';
      return c.json({ status: 'success' as const, message, result: { replaces, milliseconds } }, 200);
    } catch (error) {
      outcome = error instanceof WaybillError ? error.code : 'internal';
      throw error;
    } finally {
      running.delete(tenant.key);
      await ledger.audit.append({
        ...{ tenant: tenant.key, actor, action: 'destination.tested', runId: null },
        detail: { outcome },
      });
    }
  };
}

async function test(remotes: Remotes, destination: Destination) {
  const signal = AbortSignal.timeout(TEST_MS);
  const late = Promise.withResolvers<never>();
  const onLate = () => {
    const message = `The destination did not do what was asked within ${TEST_MS / 1000} seconds.`;
    late.reject(new WaybillError('destination_unavailable', message));
  };
  signal.addEventListener('abort', onLate);
  const work = async () => {
    const remote = await remotes.open(destination, signal);
    try {
      await probe(remote, signal);
      return remote.replaces;
    } finally {
      await remote.close();
    }
  };
  try {
    return await Promise.race([work(), late.promise]);
  } finally {
    signal.removeEventListener('abort', onLate);
  }
}

function offeredRemotes(remotes: Remotes | null): Remotes {
  if (remotes) return remotes;
  throw new WaybillError('push_not_offered');
}

async function findDestination(ledger: ApiDeps['ledger'], tenant: string): Promise<Destination> {
  const destination = await ledger.destinations.find(tenant);
  if (destination) return destination;
  throw new WaybillError('not_found', 'No destination is set. Set one with PUT /export/destination.');
}

function answerOf(message: string, destination: Destination, last: Delivery | undefined) {
  return {
    status: 'success' as const,
    message,
    result: {
      destination: shownOf(destination),
      changed_at: destination.changedAt.toISOString(),
      failing_since: destination.failingSince?.toISOString() ?? null,
      last_delivery: last
        ? {
            run_id: last.runId,
            day: dayOf(last.run),
            state: last.state,
            attempts: last.attempts,
            ended_at: last.endedAt?.toISOString() ?? null,
            error: last.failure,
          }
        : null,
    },
  };
}

function shownOf({ config }: Destination): DestinationShown {
  const layout = { template: config.template, rows_per_file: config.rowsPerFile };
  if (config.kind === 'sftp') {
    const { kind, host, port, user, directory, hostKey } = config;
    return { kind, host, port, user, path: directory, host_key: hostKey, ...layout };
  }
  const { kind, endpoint, region, bucket, addressing, prefix } = config;
  return { kind, endpoint, region, bucket, addressing, prefix, ...layout };
}
