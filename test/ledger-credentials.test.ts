import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ledger.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { generateSecret } from '../stores/ledger/secret-hash.ts';
import { addCredential, addTenant, failsWith, type StartedLedger, startLedger } from './ledger-set-up.ts';

let started: StartedLedger;
let ledger: Ledger;

beforeAll(async () => {
  started = await startLedger();
  ledger = started.ledger;
});

afterAll(() => started?.stop());

describe('a credential', () => {
  test('passes with its secret and only with it', async () => {
    const tenant = await addTenant(ledger);
    const { clientId, secret } = await addCredential(ledger, tenant);
    const other = await addCredential(ledger, tenant);
    const expected = expect.objectContaining({ tenant, clientId, scopes: ['read', 'write'], disabledAt: null });
    expect(await ledger.verifyCredential(clientId, secret)).toEqual(expected);
    expect(await ledger.verifyApiKey(secret)).toEqual(expected);
    expect(await ledger.findCredential(clientId)).toEqual(expected);
    for (const wrong of ['', secret.slice(0, -1), `${secret}x`, other.secret, '\0', "' or '1'='1"]) {
      expect(await ledger.verifyCredential(clientId, wrong)).toBeUndefined();
    }
    for (const unknown of ['', 'nobody', '\0', "' or '1'='1", clientId.toUpperCase()]) {
      expect(await ledger.verifyCredential(unknown, secret)).toBeUndefined();
    }
    expect(await ledger.verifyApiKey(`${secret}x`)).toBeUndefined();
    expect(await ledger.verifyApiKey('')).toBeUndefined();
  });

  test('has its secret nowhere in the database', async () => {
    const tenant = await addTenant(ledger);
    const { clientId, secret } = await addCredential(ledger, tenant);
    const { rows } = await started.raw.query('select * from credentials where client_id = $1', [clientId]);
    const { rows: trail } = await started.raw.query('select * from audit where tenant = $1', [tenant]);
    expect(JSON.stringify([rows, trail])).not.toContain(secret);
    expect(rows[0].secret_hash).toMatch(/^scrypt\$N=32768,r=8,p=1\$/);
  });

  test('that is rotated voids the old secret at once, in every process', async () => {
    const { clientId, secret } = await addCredential(ledger, await addTenant(ledger));
    const elsewhere = createLedger({ url: started.url, connectionsMax: 1 });
    try {
      expect(await elsewhere.verifyCredential(clientId, secret)).toBeDefined();
      expect(await elsewhere.verifyApiKey(secret)).toBeDefined();
      const fresh = generateSecret();
      await ledger.rotateCredential(clientId, fresh);
      expect(await elsewhere.verifyCredential(clientId, secret)).toBeUndefined();
      expect(await elsewhere.verifyApiKey(secret)).toBeUndefined();
      expect(await elsewhere.verifyCredential(clientId, fresh)).toBeDefined();
      expect(await elsewhere.verifyApiKey(fresh)).toBeDefined();
    } finally {
      await elsewhere.close();
    }
  });

  test('is recalled once its secret was right here, until it is rotated or disabled', async () => {
    const tenant = await addTenant(ledger);
    const { clientId, secret } = await addCredential(ledger, tenant);
    const recall = (id: string | null = clientId, text = secret) => ledger.recallCredential(id, text);
    expect(await recall()).toBeUndefined();
    const credential = await ledger.verifyCredential(clientId, secret);
    expect(credential).toBeDefined();
    expect(await recall()).toEqual(credential);
    expect([await recall(clientId, `${secret}x`), await recall('nobody'), await recall(null)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    await ledger.verifyApiKey(secret);
    expect(await recall(null)).toEqual(credential);

    await ledger.disableTenant(tenant);
    expect([await recall(), await recall(null)]).toEqual([undefined, undefined]);
    await ledger.enableTenant(tenant);
    expect(await recall()).toEqual(credential);

    await ledger.rotateCredential(clientId, generateSecret());
    expect([await recall(), await recall(null)]).toEqual([undefined, undefined]);
    const fresh = generateSecret();
    await ledger.rotateCredential(clientId, fresh);
    await ledger.verifyCredential(clientId, fresh);
    expect(await recall(clientId, fresh)).toBeDefined();
    await ledger.disableCredential(clientId);
    expect(await recall(clientId, fresh)).toBeUndefined();
  });

  test('that is recalled, and a new connection, do not wait for a storm of wrong secrets', async () => {
    const { clientId, secret } = await addCredential(ledger, await addTenant(ledger));
    await ledger.verifyCredential(clientId, secret);
    let checked = 0;
    const storm = Array.from({ length: 100 }, async () => {
      const found = await ledger.verifyCredential('nobody', generateSecret());
      checked += 1;
      return found;
    });
    const settled = Promise.allSettled(storm);
    const elsewhere = createLedger({ url: started.url, connectionsMax: 1 });
    await elsewhere.ping();
    expect(await ledger.recallCredential(clientId, secret)).toBeDefined();
    expect(checked).toBeLessThan(20);
    await elsewhere.close();
    const refused = (await settled).flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(checked + refused.length).toBe(100);
    expect(checked).toBeLessThanOrEqual(64);
    for (const reason of refused) expect(reason).toEqual(failsWith('rate_limited'));
  });

  test('that is disabled, or whose tenant is, never passes', async () => {
    const tenant = await addTenant(ledger);
    const one = await addCredential(ledger, tenant);
    const two = await addCredential(ledger, tenant);
    expect(await ledger.verifyApiKey(one.secret)).toBeDefined();
    await ledger.disableCredential(one.clientId);
    expect(await ledger.verifyApiKey(one.secret)).toBeUndefined();
    expect(await ledger.verifyCredential(one.clientId, one.secret)).toBeUndefined();
    expect(await ledger.verifyCredential(two.clientId, two.secret)).toBeDefined();
    await ledger.disableTenant(tenant);
    expect(await ledger.verifyCredential(two.clientId, two.secret)).toBeUndefined();
    expect(await ledger.verifyApiKey(two.secret)).toBeUndefined();
    const listed = await ledger.listCredentials(tenant);
    expect(listed.map((row) => [row.clientId, row.disabledAt !== null])).toEqual([
      [one.clientId, true],
      [two.clientId, false],
    ]);
  });

  test('is refused with a bad id, a short secret, no scope, an unknown tenant, a taken id', async () => {
    const tenant = await addTenant(ledger);
    const good = { tenant, clientId: `c-${randomUUID()}`, scopes: ['read'] as const, secret: generateSecret() };
    for (const clientId of ['', '-x', 'a b', 'a:b', 'x'.repeat(128), '\0']) {
      await expect(ledger.addCredential({ ...good, clientId })).rejects.toEqual(failsWith('invalid_field', 'clientId'));
    }
    await expect(ledger.addCredential({ ...good, secret: 'x'.repeat(15) })).rejects.toEqual(
      failsWith('invalid_field', 'secret'),
    );
    await expect(ledger.addCredential({ ...good, scopes: [] })).rejects.toEqual(failsWith('invalid_field', 'scopes'));
    await expect(ledger.addCredential({ ...good, tenant: 'nobody' })).rejects.toEqual(failsWith('not_found'));
    await ledger.addCredential(good);
    await expect(ledger.addCredential(good)).rejects.toEqual(failsWith('invalid_field', 'clientId'));
    await expect(ledger.rotateCredential('nobody', generateSecret())).rejects.toEqual(failsWith('not_found'));
    await expect(ledger.disableCredential('nobody')).rejects.toEqual(failsWith('not_found'));
  });
});
