import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { orderOf } from '../api/on-demand/view.ts';
import type { Run } from '../stores/ledger/ports.ts';
import { type ComposedApi, finishExport, type StartedApi, startApi } from './api-set-up.ts';
import { waybill } from './cli-run.ts';

let started: StartedApi;
let api: ComposedApi;
let server: Awaited<ReturnType<ComposedApi['serve']>>;
let tenant: Awaited<ReturnType<StartedApi['addTenant']>>;
let environment: Readonly<Record<string, string>>;

beforeAll(async () => {
  started = await startApi();
  api = started.compose();
  server = await api.serve();
  tenant = await started.addTenant();
  environment = {
    WAYBILL_URL: `http://127.0.0.1:${server.port}`,
    WAYBILL_CLIENT_ID: tenant.clientId,
    WAYBILL_CLIENT_SECRET: tenant.secret,
  };
});

afterAll(async () => {
  api?.stopping.abort();
  await server?.close(1000);
  await started?.stop();
});

const ORDER = ['export', 'learning_activities', '--from', '2012-09-05', '--to', '2015-05-28'] as const;
const CONTENT = Buffer.alloc(50_000, 'User ID\n1\n');

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-cli-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('a place that cannot be written to is refused before anything is ordered', async () => {
  const before = await started.ledger.runs.countActive(tenant.key, 'on-demand');
  const target = join(scratch(), 'nowhere', 'out.csv');
  const { code, errors } = await waybill([...ORDER, '-o', target], environment);
  expect([code, errors]).toEqual([2, expect.stringContaining('There is no directory')]);
  expect(await started.ledger.runs.countActive(tenant.key, 'on-demand')).toBe(before);
});

let days = 0;
/** Orders are the same export while it runs, so each test asks for another window. */
async function order(...more: readonly string[]): Promise<Run> {
  days += 1;
  const from = new Date(Date.UTC(2000, 0, days)).toISOString();
  const { code, output, errors } = await waybill([...ORDER, '--from', from, ...more], environment);
  expect(errors).toContain('ordered');
  expect(code).toBe(0);
  return find(output.trim());
}

async function find(exportId: string): Promise<Run> {
  const record = await started.ledger.runs.find(exportId);
  if (!record) throw new Error('the export is not recorded');
  return record;
}

const finish = (record: Run, parts = [CONTENT]) => finishExport(started, api, record, parts);

/** Passes requests on; the first answers to file requests break after so many bytes. */
async function startBreaking(bytes: number, times: number): Promise<{ url: string; ranges: (string | undefined)[] }> {
  const ranges: (string | undefined)[] = [];
  const proxy: Server = createServer((request, response) => {
    const headers = { authorization: request.headers.authorization ?? '', range: request.headers.range };
    const isFile = request.url?.endsWith('/file') ?? false;
    if (isFile) ranges.push(headers.range);
    const sent = { authorization: headers.authorization, ...(headers.range ? { range: headers.range } : {}) };
    fetch(`${environment.WAYBILL_URL}${request.url}`, { headers: sent })
      .then(async (answer) => {
        const body = Buffer.from(await answer.arrayBuffer());
        response.writeHead(answer.status, { 'content-length': body.length });
        if (isFile && ranges.length <= times) response.write(body.subarray(0, bytes), () => response.destroy());
        else response.end(body);
      })
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, ranges };
}

describe('the command line over HTTP', () => {
  test('orders, lists and shows', async () => {
    const record = await order('--format', 'jsonl', '--columns', 'name,id');
    expect(record.order).toMatchObject({ dataset: 'LEARNING_ACTIVITIES', format: 'jsonl', columns: ['name', 'id'] });
    const listed = await waybill(['exports', 'list', '--state', 'pending', '--json'], environment);
    expect(JSON.parse(listed.output).items[0]).toMatchObject({ exportId: record.runId });
    expect((await waybill(['exports', 'list'], environment)).output).toContain(record.runId);
    const shown = await waybill(['exports', 'show', record.runId], environment);
    expect(shown.output).toMatch(/state +pending/);
  });

  test('watches to the end and downloads, checked against the manifest', async () => {
    const directory = scratch();
    const file = join(directory, 'out.csv');
    const record = await order();
    const args = [...ORDER, '--from', orderOf(record).window.from, '-o', file, '--save-manifest', '--json'];
    const asked = api.temporal.asked;
    const watching = waybill(args, environment);
    await expect.poll(() => api.temporal.asked).toBeGreaterThan(asked);
    await finish(record, [CONTENT, Buffer.from('tail\n')]);
    const { code, output } = await watching;
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ state: 'completed', saved: { file, bytes: 50_005 } });
    expect(readFileSync(file)).toEqual(Buffer.concat([CONTENT, Buffer.from('tail\n')]));
    expect(JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8'))).toMatchObject({ runId: record.runId });
    expect((await waybill(['exports', 'download', record.runId, '-o', file], environment)).code).toBe(2);
  });

  test('goes on with a download whose connection breaks', async () => {
    const record = await order();
    await finish(record);
    const breaking = await startBreaking(20_000, 2);
    const file = join(scratch(), 'out.csv');
    const { code } = await waybill(
      ['exports', 'download', record.runId, '-o', file, '--url', breaking.url],
      environment,
    );
    expect(code).toBe(0);
    expect(readFileSync(file)).toEqual(CONTENT);
    expect(breaking.ranges.length).toBeGreaterThan(2);
    expect(breaking.ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range ?? ''))).toBe(true);
  });

  test('saves nothing that is not what the manifest says', async () => {
    const record = await order();
    await finish(record);
    const key = [...api.objects.stored.keys()].find((name) => name.includes(record.runId) && name.endsWith('.csv'));
    api.objects.stored.set(key ?? '', Buffer.alloc(CONTENT.length, 'x'));
    const directory = scratch();
    const { code, errors } = await waybill(['exports', 'download', record.runId, '-o', directory], environment);
    expect(code).toBe(1);
    expect(errors).toContain('not what the manifest says');
    expect(() => readFileSync(join(directory, 'learning_activities.csv'))).toThrow();
  });

  test('leaves an export running when the watching is stopped, and says how to cancel it', async () => {
    const record = await order();
    const interrupt = new AbortController();
    const asked = api.temporal.asked;
    const watching = waybill(['exports', 'show', record.runId, '--watch'], environment, interrupt);
    await expect.poll(() => api.temporal.asked).toBeGreaterThan(asked);
    interrupt.abort();
    const { code, errors } = await watching;
    expect(code).toBe(130);
    expect(errors).toContain(`waybill exports cancel ${record.runId}`);
    expect(api.temporal.cancelled.includes(record.runId)).toBe(false);
  });

  test('cancels, and ends when it is cancelled', async () => {
    const record = await order();
    const cancelling = waybill(['exports', 'cancel', record.runId, '--json'], environment);
    await expect.poll(() => api.temporal.cancelled.includes(record.runId)).toBe(true);
    await started.ledger.runs.end(record.runId, {
      state: 'cancelled',
      failure: { code: 'cancelled', message: 'It was cancelled.' },
    });
    api.temporal.running.delete(record.workflowId);
    const { code, output } = await cancelling;
    expect([code, JSON.parse(output).state]).toEqual([0, 'cancelled']);
    const again = await waybill(['exports', 'resubmit', record.runId], environment);
    expect((await find(again.output.trim())).order).toEqual(record.order);
  });

  test('ends with 1 when the export fails, and says why', async () => {
    const record = await order();
    await started.ledger.runs.end(record.runId, {
      state: 'failed',
      failure: { code: 'source_changed', message: 'The source changed.' },
    });
    const { code, output } = await waybill(['exports', 'show', record.runId, '--watch'], environment);
    expect([code, output]).toEqual([1, expect.stringContaining('The source changed. (source_changed)')]);
  });

  test.each<[string, readonly string[], Readonly<Record<string, string>>, number, string]>([
    ['a wrong secret', ['exports', 'list'], { WAYBILL_CLIENT_SECRET: 'wrong-wrong-wrong' }, 3, 'redentials'],
    ['an unknown export', ['exports', 'show', 'x'], {}, 1, 'no export with this id'],
    [
      'an unknown dataset',
      ['export', 'NOPE', '--from', '2012-01-01', '--to', '2013-01-01'],
      {},
      2,
      'LEARNING_ACTIVITIES',
    ],
    ['a reversed window', ['export', 'NOTES', '--from', '2013-01-01', '--to', '2012-01-01'], {}, 2, 'field'],
    [
      'a missing parameter',
      ['export', 'LEARNING_ACTIVITY_INTERACTIONS', '--from', '2012-01-01', '--to', '2013-01-01', '--format', 'jsonl'],
      {},
      2,
      'learningActivityId',
    ],
  ])('tells about %s', async (_, args, more, code, text) => {
    const answer = await waybill(args, { ...environment, ...more });
    expect([answer.code, answer.errors]).toEqual([code, expect.stringContaining(text)]);
  });
});
