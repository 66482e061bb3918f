import { WaybillError } from '../../contracts/failures.ts';
import { isRunId } from '../../contracts/job-id.ts';

/** Where a page of exports ended: the next one holds what is older. Not secret and grants nothing. */
export interface Place {
  readonly requestedAt: Date;
  readonly exportId: string;
}

/** Milliseconds since 1970 in base 36, and an export id. */
const CURSOR = /^([0-9a-z]{1,11})\.([0-9a-f-]{36})$/;
/** The last moment that a `Date` can hold. Source: ECMAScript, time values. */
const DATE_MS_MAX = 8_640_000_000_000_000;

export function encodeCursor(place: Place): string {
  return Buffer.from(`${place.requestedAt.getTime().toString(36)}.${place.exportId}`).toString('base64url');
}

/** @throws WaybillError `invalid_field` (field `cursor`) for text that {@link encodeCursor} did not make. */
export function decodeCursor(text: string): Place {
  const [, time = '', exportId = ''] = CURSOR.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  const ms = Number.parseInt(time, 36);
  if (!isRunId(exportId) || !(ms <= DATE_MS_MAX)) {
    throw new WaybillError('invalid_field', 'The cursor is not one of ours. Give back `next` of a page as it is.', {
      field: 'cursor',
    });
  }
  return { requestedAt: new Date(ms), exportId };
}
