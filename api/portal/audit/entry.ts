import type { Catalog } from '../../../config/dataset.ts';
import type { AuditLine } from '../../../stores/ledger/ports.ts';
import { doorName } from '../components/doors.ts';
import { sizeText } from '../components/figures.ts';

/** @returns client id or subject; a word for those that are none */
export function whoOf({ actor, action, detail }: AuditLine): string {
  if (action === 'login.failed') return typeof detail.clientId === 'string' ? detail.clientId : 'unknown';
  return nameOfActor(actor);
}

export function nameOfActor(actor: string): string {
  if (actor === 'link') return 'a link';
  if (actor === 'waybill') return 'Waybill';
  return actor === 'operator' ? 'the operator' : actor.replace(/^token:/, '');
}

/** @returns the address of the client; `undefined`: not recorded, as of what Waybill does by itself */
export function addressOf({ detail }: AuditLine): string | undefined {
  return typeof detail.address === 'string' ? detail.address : undefined;
}

export type Result = 'done' | 'failed' | 'refused';

export function resultOf({ action }: AuditLine): Result {
  if (action === 'login.failed' || action === 'access.refused') return 'refused';
  return action.endsWith('.failed') ? 'failed' : 'done';
}

/** Values of a line's detail that say what it was about, in this order. */
const ABOUT = [
  'clientId',
  'user',
  'file',
  'dataset',
  'datasets',
  'fingerprint',
  'events',
  'day',
  'code',
  'outcome',
  'door',
];

/** @returns what a line was about, beside its run: "USERS", "etl-nightly", "user.csv, 8.25 MB" */
export function aboutOf({ action, detail, run }: AuditLine, catalog: Catalog): string {
  const told = ABOUT.flatMap((name) => {
    const value = detail[name];
    if (value === undefined || value === null || (action === 'login.failed' && name === 'clientId')) return [];
    // The run's own.
    if (name === 'dataset' && run !== null) return [];
    if (name === 'dataset' || name === 'datasets') {
      return [
        String(value)
          .split(' ')
          .map((each) => catalog.find(each)?.title ?? each)
          .join(', '),
      ];
    }
    return [name === 'door' ? doorName(String(value)) : String(value)];
  });
  if (action === 'login.failed') told.push(String(detail.kind ?? '').startsWith('sftp') ? 'SFTP' : 'secret or token');
  if (action === 'portal.logged_in' || action === 'portal.logged_out') told.push('portal');
  if (typeof detail.bytes === 'number') told.push(sizeText(detail.bytes));
  return told.join(', ');
}
