import type { ArchiveType, InterviewStatus, QuestionnaireVersion } from '../../../contracts/questionnaires.ts';
import type { RunState } from '../../../contracts/run.ts';
import type { ArchiveSettings, Run } from '../tables.ts';

/** What there is of one archive. */
export interface ArchiveRuns {
  readonly active: Run | undefined;
  /** The one that downloads use. */
  readonly current: Run | undefined;
  /** The newest that has completed or failed; cancelled ones change nothing. */
  readonly ended: Run | undefined;
}

export interface ArchiveFilter {
  readonly version?: QuestionnaireVersion | undefined;
  readonly type?: ArchiveType | undefined;
  /** `null`: of interviews of every status. */
  readonly status?: InterviewStatus | null | undefined;
  readonly state?: RunState | undefined;
  /** Whether it is the one that downloads use. */
  readonly hasFile?: boolean | undefined;
}

/** Archives of questionnaires: runs of their own kind, named by their numbers. */
export interface Archives {
  ofSeries(tenant: string, series: string): Promise<ArchiveRuns>;
  /** Newest first. */
  list(
    tenant: string,
    filter: ArchiveFilter,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<readonly Run[]>;
  /** Downloads do not use it any more, and its files are due for removal. @returns whether they did */
  retire(runId: string, actor: string): Promise<boolean>;
  /** `undefined`: neither password nor recipients have been set. */
  settings(tenant: string): Promise<ArchiveSettings | undefined>;
  /**
   * Changes what is given. Archives that were made before are not served any more, and those that are being made are not published:
   * none is there that is protected otherwise than the settings say. Nothing happens if nothing changes; a password always does.
   *
   * @param change.password sealed; `null`: none
   * @returns the number of archives that were served until now
   * @throws WaybillError `not_found` if there is no such tenant
   */
  setSettings(
    tenant: string,
    change: { readonly password?: Uint8Array | null; readonly recipients?: readonly string[] },
    actor: string,
  ): Promise<number>;
}
