import { defaultPayloadConverter } from '@temporalio/common';
import { beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../streams/age/keys.ts';
import type { runExport } from '../workflows/run-export.ts';
import { type OwnServices, openLedger, startOwnServices } from './context.ts';
import { BUNDLE } from './periodic-bundle.ts';
import {
  ask,
  codeOf,
  createPeriodicClient,
  enableAndWait,
  type PeriodicClient,
  problemOf,
  USERS,
} from './periodic-client.ts';
import { triggerRun } from './periodic-operator.ts';
import { openTemporal, type RunHistory } from './temporal.ts';

let services: OwnServices;
let acme: PeriodicClient;
let dreambuilder: PeriodicClient;

beforeAll(async () => {
  services = await startOwnServices();
  acme = createPeriodicClient(services.url, 'acme-demo-secret');
  dreambuilder = createPeriodicClient(services.url, 'dreambuilder-demo-secret');
});

const NAMES = BUNDLE.map(({ file }) => file);

describe('tenants', () => {
  const keys = new Map<PeriodicClient, string>();

  beforeAll(async () => {
    const enable = async (client: PeriodicClient) => keys.set(client, (await enableAndWait(client)).privateKey);
    await Promise.all([acme, dreambuilder].map(enable));
  });

  it('can neither open nor see each other’s files', async () => {
    expect(await codeOf(ask(acme, keys.get(dreambuilder) ?? ''))).toEqual([403, 'wrong_key']);
    const theirs = (await dreambuilder.generation()).generationId;
    expect(await (await acme.request('GET', '/dataexport')).text()).not.toContain(theirs);
  });

  it('have rows of their own in every file', async () => {
    const idsOf = async (client: PeriodicClient, file: string) => {
      const text = await client.download(`file=${file}&fileType=json`, keys.get(client) ?? '');
      return new Set((JSON.parse(text.toString()) as unknown[]).map((row) => JSON.stringify(row)));
    };
    for (const file of NAMES) {
      const [ours, others] = [await idsOf(acme, file), await idsOf(dreambuilder, file)];
      expect([file, ours.size > 0, others.size > 0]).toEqual([file, true, true]);
      expect([file, ours.isDisjointFrom(others)]).toEqual([file, true]);
    }
  });

  it('may name only their own organisation, in every call', async () => {
    const key = keys.get(acme) ?? '';
    expect((await ask(acme, key, `${USERS}&organisation=acme`)).status).toBe(200);
    expect(await codeOf(ask(acme, key, `${USERS}&organisation=dreambuilder`))).toEqual([404, 'foreign_organisation']);
    for (const [method, path] of [
      ['POST', 'enable?'],
      ['POST', 'rotate?'],
      ['POST', 'disable?deleteSettings=true&'],
      ['GET', 'downloadAll?fileType=csv&'],
      ['GET', '?'],
    ] as const) {
      const target = `/dataexport${path === '?' ? '' : '/'}${path}organisation=dreambuilder`;
      const answer = await acme.request(method, target, method === 'GET' ? { headers: { 'x-private-key': key } } : {});
      expect([path, answer.status]).toEqual([path, 404]);
    }
    expect(await acme.status()).toMatchObject({ enabled: true });
  });

  it('with a read-only credential can download and see the status, but change nothing', async () => {
    const reader = createPeriodicClient(services.url, 'acme-readonly-demo-secret');
    for (const path of ['enable', 'rotate', 'disable', 'disable?deleteSettings=true']) {
      expect(await codeOf(reader.request('POST', `/dataexport/${path}`))).toEqual([403, 'insufficient_scope']);
    }
    expect((await ask(reader, keys.get(acme) ?? '')).status).toBe(200);
    expect(await reader.status()).toMatchObject({ enabled: true });
  });

  it('without a credential are refused everywhere', async () => {
    const stranger = createPeriodicClient(services.url, 'nobody-demo-secret-of-no-tenant');
    for (const [method, path] of [
      ['POST', '/dataexport/enable'],
      ['POST', '/dataexport/rotate'],
      ['POST', '/dataexport/disable'],
      ['GET', '/dataexport'],
      ['GET', `/dataexport/download?${USERS}&privateKey=${keys.get(acme)}`],
      ['GET', '/dataexport/downloadAll?fileType=csv'],
    ] as const) {
      expect(await codeOf(stranger.request(method, path))).toEqual([401, 'unauthenticated']);
    }
  });

  it.each([
    ['an unknown file', 'file=users&fileType=csv', 'unknown_file', NAMES],
    ['another spelling', 'file=USER&fileType=csv', 'unknown_file', NAMES],
    ['no file', 'fileType=csv', 'missing_field', NAMES],
    ['an unknown type', 'file=user&fileType=xml', 'unknown_file_type', ['csv', 'json']],
    ['no type', 'file=user', 'missing_field', ['csv', 'json']],
    ['a path for a file', 'file=..%2Fuser&fileType=csv', 'unknown_file', NAMES],
    ['an invalid flag', `${USERS}&parseJsonDataTypes=maybe`, 'invalid_field', ['true', 'false']],
  ])('get the allowed values in the response to %s', async (_, query, code, allowed) => {
    const answer = await ask(acme, keys.get(acme) ?? '', query);
    const problem = await problemOf(answer);
    expect([answer.status, problem.code]).toEqual([400, code]);
    expect(problem.allowed?.toSorted()).toEqual(allowed.toSorted());
  });

  it('get 403 for any wrong key, and never its text', async () => {
    const foreign = (await generateKey({ postQuantum: false })).identity;
    for (const wrong of [
      foreign,
      `${foreign.slice(0, -1)}Q`,
      'AGE-SECRET-KEY-1SHORT',
      'nonsense-key',
      'a'.repeat(4000),
    ]) {
      for (const path of [`download?${USERS}`, 'downloadAll?fileType=csv']) {
        const [inHeader, inQuery] = await Promise.all([
          acme.request('GET', `/dataexport/${path}`, { headers: { 'x-private-key': wrong } }),
          acme.request('GET', `/dataexport/${path}&privateKey=${wrong}`),
        ]);
        for (const answer of [inHeader, inQuery]) {
          const text = await answer.text();
          expect([wrong.slice(0, 20), answer.status]).toEqual([wrong.slice(0, 20), 403]);
          expect(text).not.toContain(wrong);
        }
      }
    }
  });

  it('that are disabled get no files from a triggered run, and no follow-up run', async () => {
    const ledger = openLedger(services.settings);
    const temporal = await openTemporal(services.settings);
    const newest = async () => {
      const query = `WaybillDataset = 'periodic' AND WaybillTenant = 'acme'`;
      const [execution] = await Array.fromAsync(temporal.client.workflow.list({ query, pageSize: 1 }));
      if (!execution) throw new Error('no run');
      return temporal.client.workflow.getHandle<typeof runExport>(execution.workflowId, execution.runId);
    };
    const before = (await newest()).workflowId;
    await ledger.tenants.disable('acme');
    try {
      await triggerRun(temporal, 'acme');
      await expect.poll(async () => (await newest()).workflowId, { timeout: 30_000 }).not.toBe(before);
      const run = await newest();
      expect(await run.result()).toMatchObject({ outcome: 'off' });
      // A run that saw the current version of the settings triggers no other.
      const version = (await ledger.standingOrders.find('acme', 'periodic'))?.version;
      expect(inputsOf(await run.fetchHistory(), 'finalize')).toMatchObject([{ outcome: 'off', version }]);
      expect((await newest()).workflowId).toBe(run.workflowId);
    } finally {
      await ledger.tenants.enable('acme');
    }
  });
});

/** @returns the inputs of the activities of this type */
function inputsOf({ events }: RunHistory, type: string): readonly unknown[] {
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => {
    const [payload] = scheduled?.input?.payloads ?? [];
    return payload && scheduled?.activityType?.name === type ? [defaultPayloadConverter.fromPayload(payload)] : [];
  });
}
