import type { Database } from './database.ts';
import type { SigningKeys } from './ports.ts';

export function signingKeys(database: Database): SigningKeys {
  return {
    async add({ kid, x }) {
      await database.query((db) =>
        db
          .insertInto('signingKeys')
          .values({ kid, publicKey: x })
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      );
    },

    async list() {
      const rows = await database.query((db) =>
        db.selectFrom('signingKeys').select(['kid', 'publicKey']).orderBy('addedAt', 'desc').orderBy('kid').execute(),
      );
      return rows.map(({ kid, publicKey: x }) => ({ kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' }));
    },
  };
}
