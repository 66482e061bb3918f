/** States of an export, as shown by the ledger and the API. All but the first two are terminal. */
export const EXPORT_STATES = ['pending', 'running', 'completed', 'failed', 'cancelled', 'expired', 'deleted'] as const;
export type ExportState = (typeof EXPORT_STATES)[number];

/** @returns whether the export is still pending or running */
export function isActive(state: ExportState): boolean {
  return state === 'pending' || state === 'running';
}

/** Progress of a running export. Monotonic; while `final` is false, rows are estimated from the bytes written. */
export interface Progress {
  /** 0 to 100; 100 only once the manifest is written. */
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

/** Parts of one run that are told at once. */
export const PARTS_TOLD_MAX = 50;

/** One part of a running export. */
export interface PartProgress {
  /** Zero-based place among the parts of all files. */
  readonly place: number;
  readonly state: 'waiting' | 'writing' | 'written';
  /** Planned ones of a part that waits; so far, as its last heartbeat has it, of one that is being written. */
  readonly rows: number;
  readonly storedBytes: number;
}

/** The parts around the first that is not written: at most {@link PARTS_TOLD_MAX}. */
export interface PartsProgress {
  readonly total: number;
  readonly written: number;
  readonly parts: readonly PartProgress[];
}

/** What a run answers about its parts; `stem` begins the names of a part's objects. */
export type PlannedParts = Omit<PartsProgress, 'parts'> & {
  readonly parts: readonly (PartProgress & { readonly stem: string })[];
};

/** What an attempt at writing a part reports in each heartbeat. `uploadId` helps an operator clean up the store. */
export interface PartHeartbeat {
  readonly index: number;
  readonly rows: number;
  readonly contentBytes: number;
  readonly storedBytes: number;
  readonly key: string;
  readonly uploadId: string | null;
}
