import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { type DuckDBConnection, DuckDBScalarFunction, VARCHAR } from '@duckdb/node-api';

const NAME = 'waybill_anonymize';

/** Binds the keys of tenants to this use. Changing it changes every hash. */
const PURPOSE = 'waybill anonymized columns, version 1';
const TENANT_KEY_BYTES = 32;

/** Number of hashes that are remembered, because the same person occurs in many rows; about 250 bytes each. */
const REMEMBERED_MAX = 50_000;

/**
 * @param tenant SQL of the tenant column as text: each tenant has a key of its own
 * @param value SQL of a text
 * @returns SQL of the text's keyed hash, 64 hex digits; NULL for NULL
 */
export function anonymized(tenant: string, value: string): string {
  return `${NAME}(${tenant}, ${value})`;
}

/**
 * Adds the function of {@link anonymized} to DuckDB. It is in JavaScript, so that neither SQL nor a plan or an error of DuckDB
 * can hold the key. DuckDB calls it with up to 2,048 rows, and its thread waits for the event loop meanwhile.
 *
 * The hash is HMAC-SHA-256 (RFC 2104) with a key that HKDF (RFC 5869) derives for the tenant: the same value has the same hash in
 * all columns of a tenant, and different ones for two tenants.
 *
 * @param key of the deployment, 32 bytes. Secret
 */
export function addAnonymizing(connection: DuckDBConnection, key: Buffer): void {
  const tenantKeys = new Map<string, KeyObject>();
  const remembered = new Map<string, string>();

  function keyOf(tenant: string): KeyObject {
    const known = tenantKeys.get(tenant);
    if (known) return known;
    const derived = createSecretKey(
      Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), `${PURPOSE}|${tenant}`, TENANT_KEY_BYTES)),
    );
    tenantKeys.set(tenant, derived);
    return derived;
  }

  function hash(tenant: string, value: string): string {
    // With the length, no two pairs are equal.
    const pair = `${tenant.length}|${tenant}|${value}`;
    const known = remembered.get(pair);
    if (known !== undefined) return known;
    const hashed = createHmac('sha256', keyOf(tenant)).update(value, 'utf8').digest('hex');
    if (remembered.size >= REMEMBERED_MAX) remembered.clear();
    remembered.set(pair, hashed);
    return hashed;
  }

  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: NAME,
      returnType: VARCHAR,
      parameterTypes: [VARCHAR, VARCHAR],
      mainFunction(_, chunk, output) {
        const tenants = chunk.getColumnVector(0);
        const values = chunk.getColumnVector(1);
        for (let row = 0; row < chunk.rowCount; row += 1) {
          const [tenant, value] = [tenants.getItem(row), values.getItem(row)];
          output.setItem(row, tenant === null || value === null ? null : hash(String(tenant), String(value)));
        }
        output.flush();
      },
    }),
  );
}
