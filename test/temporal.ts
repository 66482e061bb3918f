import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';

const { History } = proto.temporal.api.history.v1;
export type RunHistory = proto.temporal.api.history.v1.IHistory;

/** The stack's Temporal, as its operator sees it. */
export interface TemporalEye {
  readonly client: Client;
  history(workflowId: string, runId: string): Promise<RunHistory>;
  close(): Promise<void>;
}

export async function openTemporal(settings: Readonly<Record<string, string>>): Promise<TemporalEye> {
  const { WAYBILL_TEMPORAL_ADDRESS: address = '', WAYBILL_TEMPORAL_NAMESPACE: namespace = '' } = settings;
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  return {
    client,
    history: (workflowId, runId) => client.workflow.getHandle(workflowId, runId).fetchHistory(),
    close: () => connection.close(),
  };
}

/** A history as the protocol encodes it. Source: temporal/api/history/v1/message.proto. */
export function encodeHistory(history: RunHistory): Uint8Array {
  return History.encode(history).finish();
}

export function decodeHistory(bytes: Uint8Array): RunHistory {
  return History.decode(bytes);
}
