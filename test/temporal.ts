import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { closeAtEnd } from './cleanup.ts';
import { waitUntil } from './wait-until.ts';

const { History } = proto.temporal.api.history.v1;
export type RunHistory = proto.temporal.api.history.v1.IHistory;

interface WorkflowRun {
  readonly workflowId: string;
  readonly runId: string;
}

/** An operator's access to Temporal. */
export interface TemporalAccess {
  readonly client: Client;
  history(workflowId: string, runId: string): Promise<RunHistory>;
  /** Whether a run has been asked to end. Its history has that only once a worker has finished what it is at. */
  isCancelRequested(run: WorkflowRun): Promise<boolean>;
  isClosed(run: WorkflowRun): Promise<boolean>;
  /** Waits until a run has closed, which is shortly after its outcome is known. */
  closed(run: WorkflowRun): Promise<void>;
  close(): Promise<void>;
}

/** Connects to Temporal; the connection is closed at the end. */
export async function openTemporal(settings: Readonly<Record<string, string>>): Promise<TemporalAccess> {
  const { WAYBILL_TEMPORAL_ADDRESS: address = '', WAYBILL_TEMPORAL_NAMESPACE: namespace = '' } = settings;
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const describe = ({ workflowId, runId }: WorkflowRun) => client.workflow.getHandle(workflowId, runId).describe();
  const access: TemporalAccess = {
    client,
    history: (workflowId, runId) => client.workflow.getHandle(workflowId, runId).fetchHistory(),
    isCancelRequested: async (run) => (await describe(run)).raw.workflowExtendedInfo?.cancelRequested === true,
    isClosed: async (run) => (await describe(run)).status.name !== 'RUNNING',
    async closed(run) {
      await waitUntil(() => access.isClosed(run), Boolean, 30);
    },
    close: closeAtEnd(() => connection.close()),
  };
  return access;
}

/** A history as the protocol encodes it. Source: temporal/api/history/v1/message.proto. */
export function encodeHistory(history: RunHistory): Uint8Array {
  return History.encode(history).finish();
}

export function decodeHistory(bytes: Uint8Array): RunHistory {
  return History.decode(bytes);
}
