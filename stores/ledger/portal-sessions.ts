import { type Database, storable } from './database.ts';
import type { PortalSessions } from './ports.ts';
import { isUsable } from './usable.ts';

/** How long a session that is no longer open is kept, so that its owner is told why. Milliseconds. */
export const KEPT_MS = 24 * 60 * 60_000;

/** How exact the time of the last use is. Milliseconds. */
const USE_MS = 60_000;

/** A session's credential is read each time, so disabling or rotating it ends its sessions as soon as that is committed. */
export function portalSessions(database: Database): PortalSessions {
  return {
    async begin({ tokenHash, tenant, actor, scopes, credential, now }) {
      await database.transaction(async (db) => {
        const kept = new Date(now.getTime() - KEPT_MS);
        await db.deleteFrom('portalSessions').where('usedAt', '<', kept).execute();
        await db
          .insertInto('portalSessions')
          .values({
            tokenHash,
            tenant,
            actor: storable(actor),
            scopes: [...scopes],
            credentialId: credential?.id ?? null,
            generation: credential?.rotatedAt ?? null,
            begunAt: now,
            usedAt: now,
          })
          .execute();
      });
    },

    async find(tokenHash, { now, idleMs, lastsMs, use }) {
      const row = await database.query((db) =>
        db
          .selectFrom('portalSessions as session')
          .innerJoin('tenants', 'tenants.key', 'session.tenant')
          .leftJoin('credentials', 'credentials.id', 'session.credentialId')
          .selectAll('session')
          .select([
            'tenants.disabledAt as tenantDisabledAt',
            'credentials.disabledAt as credentialDisabledAt',
            'credentials.rotatedAt as rotatedAt',
            'credentials.scopes as credentialScopes',
            'credentials.expiresAt as credentialExpiresAt',
            'credentials.doors',
            'credentials.datasets',
          ])
          .where('session.tokenHash', '=', tokenHash)
          .executeTakeFirst(),
      );
      if (!row) return { state: 'unknown' };
      const isCurrent = row.credentialId === null || row.rotatedAt?.getTime() === row.generation?.getTime();
      const credential = { disabledAt: row.credentialDisabledAt, expiresAt: row.credentialExpiresAt };
      if (row.tenantDisabledAt !== null || !isUsable(credential, now) || !isCurrent) return { state: 'revoked' };
      const state = stateByAge(row, { now, idleMs, lastsMs });
      if (state !== 'open') return { state };
      if (use && isNewUse(row, now)) {
        await database.query((db) =>
          db.updateTable('portalSessions').set({ usedAt: now }).where('tokenHash', '=', tokenHash).execute(),
        );
      }
      return {
        state: 'open',
        session: {
          ...{ tenant: row.tenant, actor: row.actor, scopes: row.credentialScopes ?? row.scopes },
          limits: { doors: row.doors, datasets: row.datasets },
          credentialId: row.credentialId,
        },
      };
    },

    async end(tokenHash) {
      await database.query((db) => db.deleteFrom('portalSessions').where('tokenHash', '=', tokenHash).execute());
    },
  };
}

/** How a session stands by its age. @param limits as for {@link PortalSessions} */
export function stateByAge(
  { begunAt, usedAt }: { readonly begunAt: Date; readonly usedAt: Date },
  { now, idleMs, lastsMs }: { readonly now: Date; readonly idleMs: number; readonly lastsMs: number },
): 'open' | 'idle' | 'over' {
  if (now.getTime() - usedAt.getTime() > idleMs) return 'idle';
  return now.getTime() - begunAt.getTime() > lastsMs ? 'over' : 'open';
}

/** @returns whether the time of the last use is so old that another one is worth a write */
export function isNewUse({ usedAt }: { readonly usedAt: Date }, now: Date): boolean {
  return now.getTime() - usedAt.getTime() >= USE_MS;
}
