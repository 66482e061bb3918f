import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectionLike, isGrpcServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../../contracts/task-queues.ts';

const KEYWORD = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
const SECONDS_A_DAY = 86_400;

/** gRPC status codes. Source: grpc/status in the gRPC specification. */
const GRPC = { alreadyExists: 6, permissionDenied: 7, notFound: 5, unimplemented: 12, unauthenticated: 16 } as const;

/** How often to check for a new namespace or attribute, and the interval in milliseconds. */
const TRIES_MAX = 120;
const POLL_MS = 250;

/**
 * Creates the namespace and its search attributes if they are missing, and waits until they can be used: a workflow that
 * sets an unknown search attribute would retry its first task forever. Called only by workers, at start.
 *
 * Where the server does not let clients create them (Temporal Cloud), they are only checked.
 *
 * @param retentionDays how long a new namespace keeps closed workflows
 * @throws Error that names what is missing and how to create it
 */
export async function prepareNamespace(
  connection: ConnectionLike,
  namespace: string,
  retentionDays: number,
): Promise<void> {
  await allowing([GRPC.alreadyExists, GRPC.permissionDenied, GRPC.unimplemented, GRPC.unauthenticated], () =>
    connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: proto.google.protobuf.Duration.fromObject({
        seconds: retentionDays * SECONDS_A_DAY,
      }),
    }),
  );
  await untilTrue(`Temporal's namespace ${namespace} is missing. Create it, then start the worker again.`, async () => {
    const found = await allowing([GRPC.notFound], () => connection.workflowService.describeNamespace({ namespace }));
    return found !== undefined;
  });

  const missing = await missingAttributes(connection, namespace);
  if (missing.length === 0) return;
  await untilTrue(addingHint(namespace, missing), async () => {
    // The server may not know a new namespace everywhere yet, so adding is repeated until the attributes are listed.
    await allowing([GRPC.alreadyExists, GRPC.notFound, GRPC.permissionDenied, GRPC.unimplemented], () =>
      connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
      }),
    );
    return (await missingAttributes(connection, namespace)).length === 0;
  });
}

async function missingAttributes(connection: ConnectionLike, namespace: string): Promise<readonly string[]> {
  const listed = await allowing([GRPC.notFound, GRPC.permissionDenied, GRPC.unimplemented], () =>
    connection.operatorService.listSearchAttributes({ namespace }),
  );
  const known = listed?.customAttributes ?? {};
  return SEARCH_ATTRIBUTES.filter((name) => known[name] !== KEYWORD);
}

function addingHint(namespace: string, missing: readonly string[]): string {
  const flags = missing.map((name) => `--name ${name} --type Keyword`).join(' ');
  return `Temporal lacks search attributes. Run: temporal operator search-attribute create --namespace ${namespace} ${flags}`;
}

async function untilTrue(message: string, check: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (await check()) return;
    await delay(POLL_MS);
  }
  throw new Error(message);
}

/** @returns `undefined` where the server answers with one of the codes */
async function allowing<Value>(codes: readonly number[], call: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isGrpcServiceError(error) && codes.includes(error.code)) return undefined;
    throw error;
  }
}
