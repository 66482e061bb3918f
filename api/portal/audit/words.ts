import type { AuditAction, OwnAction, StandingVerb } from '../../../stores/ledger/ports.ts';
import { doorName } from '../components/doors.ts';

/** What lines of the trail are about, as the page filters them. */
export const GROUPS = [
  { value: 'log-ins', label: 'Log-ins' },
  { value: 'orders', label: 'Orders' },
  { value: 'downloads', label: 'Downloads' },
  { value: 'deletions', label: 'Deletions' },
  { value: 'credentials', label: 'Credentials' },
  { value: 'settings', label: 'Settings' },
  { value: 'outcomes', label: 'Outcomes' },
  { value: 'refusals', label: 'Refusals' },
] as const;
export type Group = (typeof GROUPS)[number]['value'];

type Words = readonly [words: string, group: Group];

/** Of standing orders, by what follows the name of their kind. */
const STANDING: Readonly<Record<StandingVerb, Words>> = {
  registered: ['Registered', 'settings'],
  enabled: ['Enabled', 'settings'],
  resumed: ['Resumed', 'settings'],
  disabled: ['Disabled', 'settings'],
  deleted: ['Deleted', 'deletions'],
  rotated: ['New key', 'settings'],
  full_load: ['Asked for a full load', 'orders'],
  run_requested: ['Asked for a delivery', 'orders'],
  schema_accepted: ['Accepted new columns', 'settings'],
  acknowledged: ['Acknowledged', 'downloads'],
  downloaded: ['Downloaded', 'downloads'],
  published: ['Published', 'outcomes'],
  failed: ['Failed', 'outcomes'],
  cancelled: ['Cancelled', 'outcomes'],
};

const OWN: Readonly<Record<OwnAction, Words>> = {
  'export.requested': ['Ordered an export', 'orders'],
  'export.resubmitted': ['Ordered again', 'orders'],
  'export.cancelled': ['Cancelled an export', 'orders'],
  'export.deleted': ['Deleted an export', 'deletions'],
  'export.downloaded': ['Downloaded', 'downloads'],
  'export.links_revoked': ['Revoked links', 'settings'],
  'export.completed': ['Completed', 'outcomes'],
  'export.failed': ['Failed', 'outcomes'],
  'export.expired': ['Expired', 'outcomes'],
  'request.created': ['Requested an export', 'orders'],
  'request.deleted': ['Deleted a request', 'deletions'],
  'request.mailed': ['Sent mail', 'outcomes'],
  'requests.released': ['Started the batch', 'orders'],
  'destination.set': ['Set the destination', 'settings'],
  'destination.removed': ['Removed the destination', 'settings'],
  'destination.tested': ['Tested the destination', 'settings'],
  'delivery.delivered': ['Pushed', 'outcomes'],
  'delivery.failed': ['Push failed', 'outcomes'],
  'delivery.skipped': ['Push skipped', 'outcomes'],
  'webhook.set': ['Set the webhook', 'settings'],
  'webhook.rotated': ['New secret of the webhook', 'settings'],
  'webhook.removed': ['Removed the webhook', 'settings'],
  'webhook.tested': ['Tested the webhook', 'settings'],
  'webhook.disabled': ['Webhook switched off', 'outcomes'],
  'webhook.failed': ['Webhook failed', 'outcomes'],
  'tenant.added': ['Added the tenant', 'settings'],
  'tenant.disabled': ['Disabled the tenant', 'settings'],
  'tenant.enabled': ['Enabled the tenant', 'settings'],
  'tenant.limited': ['Changed limits', 'settings'],
  'tenant.warehouse_key': ['Changed the warehouse key', 'settings'],
  'tenant.archives': ['Changed archives', 'settings'],
  'tenant.contacts': ['Changed contacts', 'settings'],
  'tenant.request_keep_days': ['Changed the days of requests', 'settings'],
  'credential.added': ['New credential', 'credentials'],
  'credential.email': ['Changed an address for mail', 'credentials'],
  'credential.rotated': ['New secret', 'credentials'],
  'credential.disabled': ['Revoked a credential', 'credentials'],
  'credential.limited': ['Limited a credential', 'credentials'],
  'access.refused': ['Refused', 'refusals'],
  'notice.sent': ['Sent mail', 'outcomes'],
  'token.issued': ['Got an access token', 'log-ins'],
  'login.failed': ['Log-in refused', 'refusals'],
  'portal.logged_in': ['Logged in', 'log-ins'],
  'portal.logged_out': ['Logged out', 'log-ins'],
  'operator.logged_in': ['Operator logged in', 'log-ins'],
  'operator.logged_out': ['Operator logged out', 'log-ins'],
  'sftp.logged_in': ['Logged in over SFTP', 'log-ins'],
  'sftp_key.added': ['Added an SFTP key', 'credentials'],
  'sftp_key.disabled': ['Disabled an SFTP key', 'credentials'],
};

/** @returns for example "Ordered an export", or "Periodic: enabled" */
export function actionWords(action: AuditAction): string {
  if (isOwn(action)) return OWN[action][0];
  const [kind = '', verb = ''] = action.split('.');
  const words = isVerb(verb) ? STANDING[verb][0] : verb;
  return `${doorName(kind)}: ${words.charAt(0).toLowerCase()}${words.slice(1)}`;
}

/** @param kinds of standing orders, whose actions carry their names */
export function actionsOf(group: Group, kinds: readonly string[]): readonly AuditAction[] {
  const own = Object.keys(OWN).filter(isOwn);
  const verbs = Object.keys(STANDING).filter(isVerb);
  return [
    ...own.filter((action) => OWN[action][1] === group),
    ...kinds.flatMap((kind) =>
      verbs.filter((verb) => STANDING[verb][1] === group).map((verb) => `${kind}.${verb}` as const),
    ),
  ];
}

function isOwn(action: string): action is OwnAction {
  return Object.hasOwn(OWN, action);
}

function isVerb(verb: string): verb is StandingVerb {
  return Object.hasOwn(STANDING, verb);
}
