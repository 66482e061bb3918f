/**
 * What a worker hands over to a process that waits: an object, sealed to a key of that request alone. So no row is in Temporal, and
 * none can be read in the bucket, not even what a killed process leaves there. Stored in Temporal's history: no rows, no secrets.
 */
export interface Handover {
  /** Key of the object to write. */
  readonly key: string;
  /** age recipient to seal it to. Its identity lives in the process that asked, for as long as the request. */
  readonly recipient: string;
}

/** Prefix of the objects. Whoever asked removes its object; the reconciler removes what was left. */
export const HANDOVERS = 'previews/';

export function handoverKey(tenant: string, id: string): string {
  return `${HANDOVERS}${tenant}/${id}.json.age`;
}

/** Asks which questionnaires a tenant has. */
export interface ListQuestionnairesInput extends Handover {
  readonly tenant: string;
  /** Name in the catalog. */
  readonly bundle: string;
}
