import type { Database } from './database.ts';
import { isNewUse, KEPT_MS, stateByAge } from './portal-sessions.ts';
import type { OperatorSessions } from './ports.ts';

export function operatorSessions(database: Database): OperatorSessions {
  return {
    async begin({ tokenHash, generation, now }) {
      await database.transaction(async (db) => {
        const kept = new Date(now.getTime() - KEPT_MS);
        await db.deleteFrom('operatorSessions').where('usedAt', '<', kept).execute();
        await db.insertInto('operatorSessions').values({ tokenHash, generation, begunAt: now, usedAt: now }).execute();
      });
    },

    async find(tokenHash, { generation, use, ...limits }) {
      const row = await database.query((db) =>
        db.selectFrom('operatorSessions').selectAll().where('tokenHash', '=', tokenHash).executeTakeFirst(),
      );
      if (!row) return 'unknown';
      if (!row.generation.equals(generation)) return 'revoked';
      const state = stateByAge(row, limits);
      if (state === 'open' && use && isNewUse(row, limits.now)) {
        await database.query((db) =>
          db.updateTable('operatorSessions').set({ usedAt: limits.now }).where('tokenHash', '=', tokenHash).execute(),
        );
      }
      return state;
    },

    async end(tokenHash) {
      await database.query((db) => db.deleteFrom('operatorSessions').where('tokenHash', '=', tokenHash).execute());
    },
  };
}
