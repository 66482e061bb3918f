import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createLedger } from '../stores/ledger/postgres.ts';
import { generateSecret } from '../stores/ledger/secret-hash.ts';
import { addCredential, addTenant, failsWith, useLedger } from './ledger-set-up.ts';

const { ledger, raw, url } = await useLedger();

describe('a credential', () => {
  test('passes with its secret and only with it', async () => {
    const tenant = await addTenant(ledger);
    const { clientId, secret } = await addCredential(ledger, tenant);
    const other = await addCredential(ledger, tenant);
    const expected = expect.objectContaining({ tenant, clientId, scopes: ['read', 'write'], disabledAt: null });
    expect(await ledger.credentials.verify(clientId, secret)).toEqual(expected);
    expect(await ledger.credentials.verifyKey(secret)).toEqual(expected);
    expect(await ledger.credentials.find(clientId)).toEqual(expected);
    for (const wrong of ['', secret.slice(0, -1), `${secret}x`, other.secret, '\0', "' or '1'='1"]) {
      expect(await ledger.credentials.verify(clientId, wrong)).toBeUndefined();
    }
    for (const unknown of ['', 'nobody', '\0', "' or '1'='1", clientId.toUpperCase()]) {
      expect(await ledger.credentials.verify(unknown, secret)).toBeUndefined();
    }
    expect(await ledger.credentials.verifyKey(`${secret}x`)).toBeUndefined();
    expect(await ledger.credentials.verifyKey('')).toBeUndefined();
  });

  test('has its secret nowhere in the database', async () => {
    const tenant = await addTenant(ledger);
    const { clientId, secret } = await addCredential(ledger, tenant);
    const { rows } = await raw.query('select * from credentials where client_id = $1', [clientId]);
    const { rows: trail } = await raw.query('select * from audit where tenant = $1', [tenant]);
    expect(JSON.stringify([rows, trail])).not.toContain(secret);
    expect(rows[0].secret_hash).toMatch(/^scrypt\$N=32768,r=8,p=1\$/);
  });

  test('that is rotated voids the old secret at once, in every process', async () => {
    const { clientId, secret } = await addCredential(ledger, await addTenant(ledger));
    const elsewhere = createLedger({ url: url, connectionsMax: 1 });
    try {
      expect(await elsewhere.credentials.verify(clientId, secret)).toBeDefined();
      expect(await elsewhere.credentials.verifyKey(secret)).toBeDefined();
      const fresh = generateSecret();
      await ledger.credentials.rotate(clientId, fresh);
      expect(await elsewhere.credentials.verify(clientId, secret)).toBeUndefined();
      expect(await elsewhere.credentials.verifyKey(secret)).toBeUndefined();
      expect(await elsewhere.credentials.verify(clientId, fresh)).toBeDefined();
      expect(await elsewhere.credentials.verifyKey(fresh)).toBeDefined();
    } finally {
      await elsewhere.close();
    }
  });

  test('is recalled once its secret was right here, until it is rotated or disabled', async () => {
    const tenant = await addTenant(ledger);
    const { clientId, secret } = await addCredential(ledger, tenant);
    const recall = (id: string | null = clientId, text = secret) => ledger.credentials.recall(id, text);
    expect(await recall()).toBeUndefined();
    const credential = await ledger.credentials.verify(clientId, secret);
    expect(credential).toBeDefined();
    expect(await recall()).toEqual(credential);
    expect([await recall(clientId, `${secret}x`), await recall('nobody'), await recall(null)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    await ledger.credentials.verifyKey(secret);
    expect(await recall(null)).toEqual(credential);

    await ledger.tenants.disable(tenant);
    expect([await recall(), await recall(null)]).toEqual([undefined, undefined]);
    await ledger.tenants.enable(tenant);
    expect(await recall()).toEqual(credential);

    await ledger.credentials.rotate(clientId, generateSecret());
    expect([await recall(), await recall(null)]).toEqual([undefined, undefined]);
    const fresh = generateSecret();
    await ledger.credentials.rotate(clientId, fresh);
    await ledger.credentials.verify(clientId, fresh);
    expect(await recall(clientId, fresh)).toBeDefined();
    await ledger.credentials.disable(clientId);
    expect(await recall(clientId, fresh)).toBeUndefined();
  });

  test('that is recalled, and a new connection, do not wait for a storm of wrong secrets', async () => {
    const { clientId, secret } = await addCredential(ledger, await addTenant(ledger));
    await ledger.credentials.verify(clientId, secret);
    let checked = 0;
    const storm = Array.from({ length: 100 }, async () => {
      const found = await ledger.credentials.verify('nobody', generateSecret());
      checked += 1;
      return found;
    });
    const settled = Promise.allSettled(storm);
    const elsewhere = createLedger({ url: url, connectionsMax: 1 });
    await elsewhere.ping();
    expect(await ledger.credentials.recall(clientId, secret)).toBeDefined();
    expect(checked).toBeLessThan(20);
    await elsewhere.close();
    const refused = (await settled).flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(checked + refused.length).toBe(100);
    // Some of the first are done before the last arrive, so how many are refused depends on the machine.
    expect(refused.length).toBeGreaterThan(0);
    for (const reason of refused) expect(reason).toEqual(failsWith('rate_limited'));
  });

  test('that is disabled, or whose tenant is, never passes', async () => {
    const tenant = await addTenant(ledger);
    const one = await addCredential(ledger, tenant);
    const two = await addCredential(ledger, tenant);
    expect(await ledger.credentials.verifyKey(one.secret)).toBeDefined();
    await ledger.credentials.disable(one.clientId);
    expect(await ledger.credentials.verifyKey(one.secret)).toBeUndefined();
    expect(await ledger.credentials.verify(one.clientId, one.secret)).toBeUndefined();
    expect(await ledger.credentials.verify(two.clientId, two.secret)).toBeDefined();
    await ledger.tenants.disable(tenant);
    expect(await ledger.credentials.verify(two.clientId, two.secret)).toBeUndefined();
    expect(await ledger.credentials.verifyKey(two.secret)).toBeUndefined();
    const listed = await ledger.credentials.list(tenant);
    expect(listed.map((row) => [row.clientId, row.disabledAt !== null])).toEqual([
      [one.clientId, true],
      [two.clientId, false],
    ]);
  });

  test('is refused with a bad id, a short secret, no scope, an unknown tenant, a taken id', async () => {
    const tenant = await addTenant(ledger);
    const good = { tenant, clientId: `c-${randomUUID()}`, scopes: ['read'] as const, secret: generateSecret() };
    for (const clientId of ['', '-x', 'a b', 'a:b', 'x'.repeat(128), '\0']) {
      await expect(ledger.credentials.add({ ...good, clientId })).rejects.toEqual(
        failsWith('invalid_field', 'clientId'),
      );
    }
    await expect(ledger.credentials.add({ ...good, secret: 'x'.repeat(15) })).rejects.toEqual(
      failsWith('invalid_field', 'secret'),
    );
    await expect(ledger.credentials.add({ ...good, scopes: [] })).rejects.toEqual(failsWith('invalid_field', 'scopes'));
    await expect(ledger.credentials.add({ ...good, tenant: 'nobody' })).rejects.toEqual(failsWith('not_found'));
    await ledger.credentials.add(good);
    await expect(ledger.credentials.add(good)).rejects.toEqual(failsWith('invalid_field', 'clientId'));
    await expect(ledger.credentials.rotate('nobody', generateSecret())).rejects.toEqual(failsWith('not_found'));
    await expect(ledger.credentials.disable('nobody')).rejects.toEqual(failsWith('not_found'));
  });
});
