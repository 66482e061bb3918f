import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { closeAtEnd } from './cleanup.ts';

const { History } = proto.temporal.api.history.v1;
export type RunHistory = proto.temporal.api.history.v1.IHistory;

/** An operator's access to Temporal. */
export interface TemporalAccess {
  readonly client: Client;
  history(workflowId: string, runId: string): Promise<RunHistory>;
  /** Whether a run has been asked to end. Its history has that only once a worker has finished what it is at. */
  isCancelRequested(run: { readonly workflowId: string; readonly runId: string }): Promise<boolean>;
  close(): Promise<void>;
}

/** Connects to Temporal; the connection is closed at the end. */
export async function openTemporal(settings: Readonly<Record<string, string>>): Promise<TemporalAccess> {
  const { WAYBILL_TEMPORAL_ADDRESS: address = '', WAYBILL_TEMPORAL_NAMESPACE: namespace = '' } = settings;
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  return {
    client,
    history: (workflowId, runId) => client.workflow.getHandle(workflowId, runId).fetchHistory(),
    async isCancelRequested({ workflowId, runId }) {
      const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
      return raw.workflowExtendedInfo?.cancelRequested === true;
    },
    close: closeAtEnd(() => connection.close()),
  };
}

/** A history as the protocol encodes it. Source: temporal/api/history/v1/message.proto. */
export function encodeHistory(history: RunHistory): Uint8Array {
  return History.encode(history).finish();
}

export function decodeHistory(bytes: Uint8Array): RunHistory {
  return History.decode(bytes);
}
