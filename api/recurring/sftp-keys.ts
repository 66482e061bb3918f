import { WaybillError } from '../../contracts/failures.ts';
import { parseSshKey } from '../../contracts/ssh-key.ts';
import type { SftpKeyList, SftpKeyView } from '../../contracts/views/sftp-keys.ts';
import type { SftpKey } from '../../stores/ledger/ports.ts';
import type { Guards } from '../auth/authenticate.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import { optionalJson } from '../http/requests.ts';
import { type ApiApp, mount, type RouteAnswer } from '../openapi.ts';
import * as routes from './sftp-routes.ts';

/** Mounts the routes with which a tenant manages the keys that log in to the SFTP gateway. */
export function mountSftpKeys(app: ApiApp, deps: ApiDeps, { requireCaller }: Guards): void {
  const write = [requireCaller('write', 'tenant')];
  const writeJson = [...write, optionalJson(deps.settings.WAYBILL_BODY_BYTES_MAX)];
  mount(app, routes.listSftpKeys, [requireCaller('read', 'tenant')], listHandler(deps));
  mount(app, routes.addSftpKey, writeJson, addHandler(deps));
  mount(app, routes.disableSftpKey, write, disableHandler(deps));
}

function listHandler({ ledger }: Pick<ApiDeps, 'ledger'>): RouteAnswer<typeof routes.listSftpKeys> {
  return async function listKeys(c) {
    const keys = await ledger.sftpKeys.list(c.get('caller').tenant.key);
    return c.json({ keys: keys.map(viewOf) } satisfies SftpKeyList);
  };
}

function addHandler({ ledger }: Pick<ApiDeps, 'ledger'>): RouteAnswer<typeof routes.addSftpKey> {
  return async function addKey(c) {
    return c.json(viewOf(await addSftpKey(ledger, c.get('caller'), c.req.valid('json').publicKey)));
  };
}

/** Lets a public key log in to the SFTP gateway. @throws WaybillError `invalid_field` (field `publicKey`) */
export async function addSftpKey(
  { sftpKeys }: Pick<ApiDeps['ledger'], 'sftpKeys'>,
  { tenant, actor }: Caller,
  publicKey: string,
): Promise<SftpKey> {
  const parsed = parseSshKey(publicKey);
  if ('problem' in parsed) throw new WaybillError('invalid_field', parsed.problem, { field: 'publicKey' });
  return sftpKeys.add(tenant.key, parsed, actor);
}

function disableHandler({ ledger }: Pick<ApiDeps, 'ledger'>): RouteAnswer<typeof routes.disableSftpKey> {
  return async function disableKey(c) {
    const { tenant, actor } = c.get('caller');
    await ledger.sftpKeys.disable(tenant.key, c.req.valid('param').fingerprint, actor);
    return c.body(null, 204);
  };
}

function viewOf({ fingerprint, publicKey, addedAt, disabledAt }: SftpKey): SftpKeyView {
  return { fingerprint, publicKey, addedAt: addedAt.toISOString(), disabledAt: disabledAt?.toISOString() ?? null };
}
