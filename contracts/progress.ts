/** States of an export as the ledger and the API show them. All but the first two are terminal. */
export const EXPORT_STATES = ['pending', 'running', 'completed', 'failed', 'cancelled', 'expired', 'deleted'] as const;
export type ExportState = (typeof EXPORT_STATES)[number];

/** @returns whether the state can still change by the export's own work. */
export function isActive(state: ExportState): boolean {
  return state === 'pending' || state === 'running';
}

/** How far a running export is. Monotone; while `final` is false, rows are an estimate from the bytes written. */
export interface Progress {
  /** 0 to 100; 100 only after the manifest is there. */
  readonly percent: number;
  readonly rowsDone: number;
  /** `null` until the plan has counted. */
  readonly rowsTotal: number | null;
  /** Bytes of content formatted so far, before compression and sealing. */
  readonly contentBytes: number;
  /** Bytes stored so far. */
  readonly storedBytes: number;
  readonly partsDone: number;
  /** `null` until the plan has chosen the parts. */
  readonly partsTotal: number | null;
  readonly final: boolean;
}

/** What a write-part attempt reports in each heartbeat. `uploadId` is for whoever looks after the store. */
export interface PartHeartbeat {
  readonly index: number;
  readonly rows: number;
  readonly contentBytes: number;
  readonly storedBytes: number;
  readonly key: string;
  readonly uploadId: string | null;
}
