import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeJobId } from '../contracts/job-id.ts';
import { manifestKey } from '../contracts/keys.ts';
import type { RunStatus } from '../stores/temporal/temporal.ts';
import { answerOf, BODY, finishExport, post, type StartedApi, startApi } from './api-set-up.ts';
import { countUploads, keysBelow, openBucket } from './bucket.ts';
import { exportPrefix } from './keys.ts';
import { keysUploading, type LosableServices, startLosable } from './lost-workers-set-up.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';

/** A part of the upload of the export's only object. */
const FOURTH_PART = /^PUT (\S+)\?\S*partNumber=4[&\s]/;

describe('an export whose run was ended in Temporal', () => {
  let services: LosableServices;
  beforeAll(async () => {
    services = await startLosable({});
  });
  afterAll(() => services?.stop());

  test('has failed, says so and leaves nothing; the same order can be placed again', async () => {
    const { settings, url, objects, temporal } = services;
    const onDemand = createOnDemandClient(url, 'dreambuilder');
    const order = { ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' };
    const stopped = objects.holdAt(FOURTH_PART);
    const id = await onDemand.order(order);
    const { givenUp } = await stopped;
    const prefix = exportPrefix('dreambuilder', id);
    const [key = ''] = await keysUploading(temporal, id, 1);
    expect(await countUploads(settings, key)).toBe(1);
    const { progress } = await onDemand.until(id, (view) => view.progress.storedBytes > 0);
    expect(progress.final).toBe(false);
    const events = await onDemand.request('GET', `/exports/${id}/events`);
    const { job } = (await (await onDemand.request('GET', `/exports?id=${id}`)).json()) as { job: { id: string } };
    await temporal.client.workflow.getHandle(decodeJobId(job.id)?.workflowId ?? '', id).terminate('by a test');

    expect(await onDemand.ended(id, 10)).toMatchObject({
      state: 'failed',
      failure: { code: 'internal', message: expect.stringMatching(/ended by an operator.*Resubmit/) },
      downloadUrl: null,
    });
    expect(await events.text()).toMatch(/event: end\ndata: .*"state":"failed"/);
    // The attempt that was under way stops at its next heartbeat.
    await givenUp;
    void objects.release();
    await expect.poll(() => countUploads(settings, key), { timeout: 20_000 }).toBe(0);
    expect(await keysBelow(openBucket(settings), prefix)).toEqual([]);
    const next = await onDemand.order(order);
    expect(next).not.toBe(id);
    expect((await onDemand.request('DELETE', `/exports/${next}`)).status).toBe(202);
    await onDemand.ended(next);
  });
});

describe('an active export', () => {
  let started: StartedApi;
  beforeAll(async () => {
    started = await startApi();
  });
  afterAll(() => started.stop());

  async function ordered(runStatus: RunStatus) {
    const api = started.compose();
    const { key, headers } = await started.addTenant();
    const { job } = await answerOf(await api.app.request('/exports', post(headers, BODY)));
    const exportId = decodeJobId(job.id)?.runId ?? '';
    if (runStatus !== 'open') api.temporal.running.clear();
    api.temporal.statuses.set(exportId, runStatus);
    const read = async (path: string) => answerOf(await api.app.request(path, { headers }));
    const status = async () => (await read(`/exports?id=${exportId}`)).job.status;
    return { api, exportId, prefix: exportPrefix(key, exportId), read, status };
  }

  test.each(['aborted', 'closed'] as const)(
    'of a run that is %s has failed, whichever kind of export reads it',
    async (runStatus) => {
      const one = await ordered(runStatus);
      one.api.objects.stored.set(`${one.prefix}file-00000-a-1-1.csv`, new Uint8Array(1));
      expect(await one.status()).toBe('FAILED');
      expect(one.api.objects.stored.size).toBe(0);
      const other = await ordered(runStatus);
      expect((await other.read(`/exports/${other.exportId}`)).state).toBe('failed');
    },
  );

  test('of an open run is what it was', async () => {
    const { status } = await ordered('open');
    expect(await status()).toBe('PENDING');
  });

  test('is not judged while Temporal is away', async () => {
    const { api, status } = await ordered('aborted');
    api.temporal.away.add('all');
    expect(await status()).toBe('PENDING');
  });

  test('that has a manifest is left for the ledger to be rebuilt', async () => {
    const { api, prefix, status } = await ordered('closed');
    api.objects.stored.set(manifestKey(prefix), Buffer.from('{}'));
    expect(await status()).toBe('PENDING');
    expect(api.objects.stored.size).toBe(1);
  });

  test('whose run has the last word while it is looked at keeps that word, and its files', async () => {
    const { api, exportId, status } = await ordered('aborted');
    const record = await started.ledger.runs.find(exportId);
    if (!record) throw new Error('not recorded');
    const lookUp = api.temporal.status;
    api.temporal.status = async (run) => {
      await finishExport(started, api, record, [new Uint8Array(3)]);
      return lookUp(run);
    };
    expect(await status()).toBe('COMPLETED');
    expect(api.objects.stored.size).toBe(2);
  });
});
