import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeJobId } from '../contracts/job-id.ts';
import { answerOf, BODY, type ComposedApi, post, type StartedApi, startApi } from './api-set-up.ts';

let started: StartedApi;
let api: ComposedApi;
let tenant: Awaited<ReturnType<StartedApi['addTenant']>>;

beforeAll(async () => {
  started = await startApi();
  api = started.compose();
  tenant = await started.addTenant();
});
afterAll(() => started.stop());

async function send(body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const response = await api.app.request('/exports', post({ ...tenant.headers, ...headers }, body));
  return { response, status: response.status, body: await answerOf(response) };
}

const without = (name: keyof typeof BODY) => Object.fromEntries(Object.entries(BODY).filter(([key]) => key !== name));

describe('what is wrong with an order', () => {
  test.each([
    ['no startDate', without('startDate'), 'missing_field', 'startDate'],
    ['no endDate', without('endDate'), 'missing_field', 'endDate'],
    ['no exportType', without('exportType'), 'missing_field', 'exportType'],
    ['no format', without('format'), 'missing_field', 'format'],
    ['a date that is a number', { ...BODY, startDate: 1 }, 'invalid_field', 'startDate'],
    ['a date that is none', { ...BODY, startDate: 'yesterday' }, 'invalid_date', 'startDate'],
    ['a day that does not exist', { ...BODY, endDate: '2015-02-30T00:00:00Z' }, 'invalid_date', 'endDate'],
    ['a finer date than microseconds', { ...BODY, endDate: '2015-02-03T00:00:00.1234567Z' }, 'invalid_date', 'endDate'],
    ['a reversed window', { ...BODY, startDate: '2016-01-01T00:00:00Z' }, 'reversed_window', 'startDate'],
    ['an unknown type', { ...BODY, exportType: 'GHOSTS' }, 'unknown_dataset', 'exportType'],
    ['a type of another kind of export', { ...BODY, exportType: 'HIDDEN' }, 'unknown_dataset', 'exportType'],
    ['an unknown format', { ...BODY, format: 'ODS' }, 'unknown_format', 'format'],
    [
      'a format that is not offered',
      { ...BODY, exportType: 'LEARNING_ACTIVITY_INTERACTIONS', learningActivityId: 1 },
      'format_not_offered',
      'format',
    ],
    [
      'no parameter',
      { ...BODY, exportType: 'LEARNING_ACTIVITY_INTERACTIONS', format: 'JSONL' },
      'missing_parameter',
      'learningActivityId',
    ],
    [
      'a parameter of the wrong type',
      { ...BODY, exportType: 'LEARNING_ACTIVITY_INTERACTIONS', format: 'JSONL', learningActivityId: '12' },
      'invalid_field',
      'learningActivityId',
    ],
    [
      'a parameter beyond what JSON keeps exactly',
      { ...BODY, exportType: 'LEARNING_ACTIVITY_INTERACTIONS', format: 'JSONL', learningActivityId: 2 ** 53 },
      'invalid_field',
      'learningActivityId',
    ],
    ['a foreign parameter', { ...BODY, learningActivityId: 1 }, 'foreign_parameter', 'learningActivityId'],
    ['an unknown field', { ...BODY, tenant: 'acme' }, 'unknown_field', 'tenant'],
    ['a text with a NUL', { ...BODY, exportType: 'NOTES', about: 'a\0b' }, 'invalid_field', 'about'],
    [
      'a text beyond the workflow id',
      { ...BODY, exportType: 'NOTES', about: 'ü'.repeat(400) },
      'invalid_field',
      'about',
    ],
    ['an unknown column', { ...BODY, columns: ['id', 'password'] }, 'unknown_column', 'columns.1'],
    ['a column twice', { ...BODY, columns: ['id', 'id'] }, 'invalid_field', 'columns.1'],
    ['no column', { ...BODY, columns: [] }, 'invalid_field', 'columns'],
    [
      'a filter of an unknown column',
      { ...BODY, filter: [{ column: 'ids', op: 'eq', value: 1 }] },
      'unknown_column',
      'filter.0.column',
    ],
    [
      'a filter with a value of another type',
      { ...BODY, filter: [{ column: 'id', op: 'in', values: ['1', 2] }] },
      'invalid_field',
      'filter.0.values.1',
    ],
    ['an unknown time zone', { ...BODY, timeZone: 'Europe/Atlantis' }, 'invalid_field', 'timeZone'],
    ['an offset as time zone', { ...BODY, timeZone: '+02:00' }, 'invalid_field', 'timeZone'],
    ['Parquet in a time zone', { ...BODY, format: 'PARQUET', timeZone: 'Asia/Tokyo' }, 'invalid_field', 'timeZone'],
    [
      'an unknown operator',
      { ...BODY, filter: [{ column: 'id', op: 'ne', value: 1 }] },
      'invalid_field',
      'filter.0.op',
    ],
    ['a filter that is no list', { ...BODY, filter: { column: 'id', op: 'isNull' } }, 'invalid_field', 'filter'],
    ['an unknown compression', { ...BODY, compression: 'rar' }, 'invalid_field', 'compression'],
    ['CSV options for JSONL', { ...BODY, format: 'JSONL', csv: {} }, 'invalid_field', 'csv'],
    ['CSV options for Parquet', { ...BODY, format: 'PARQUET', csv: {} }, 'invalid_field', 'csv'],
    ['compressed XLSX', { ...BODY, format: 'xlsx', compression: 'gzip' }, 'invalid_field', 'compression'],
    ['compressed Parquet', { ...BODY, format: 'parquet', compression: 'zstd' }, 'invalid_field', 'compression'],
    ['an unknown CSV option', { ...BODY, csv: { quote: "'" } }, 'unknown_field', 'csv.quote'],
    ['an unknown preset', { ...BODY, csv: { preset: 'calc' } }, 'invalid_field', 'csv.preset'],
    ['two delimiters', { ...BODY, csv: { delimiter: ';;' } }, 'invalid_field', 'csv.delimiter'],
    ['a quote as delimiter', { ...BODY, csv: { delimiter: '"' } }, 'invalid_field', 'csv.delimiter'],
    ['a delimiter in the null text', { ...BODY, csv: { nullText: 'a,b' } }, 'invalid_field', 'csv.nullText'],
    ['no recipient', { ...BODY, recipients: ['age1'] }, 'invalid_recipient', 'recipients.0'],
    ['a recipient that is no list', { ...BODY, recipients: 'age1'.repeat(20) }, 'invalid_field', 'recipients'],
    ['no days', { ...BODY, keepDays: 0 }, 'invalid_field', 'keepDays'],
    ['too many days', { ...BODY, keepDays: 31 }, 'invalid_field', 'keepDays'],
    ['half a day', { ...BODY, keepDays: 1.5 }, 'invalid_field', 'keepDays'],
  ])('%s', async (_name, body, code, field) => {
    const answer = await send(body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code, field, type: `/problems/${code}`, instance: '/exports' });
    expect(answer.body.errors).toHaveLength(1);
    expect(answer.response.headers.get('content-type')).toBe('application/problem+json');
  });

  test('a private key sent as recipient is refused and not repeated, neither in the answer nor in the log', async () => {
    const key = 'AGE-SECRET-KEY-1QQPQQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QAQQQQQQQ';
    const answer = await send({ ...BODY, recipients: [key] });
    expect(answer.body).toMatchObject({ code: 'invalid_recipient' });
    expect(JSON.stringify(answer.body) + started.logged.join('')).not.toContain(key);
  });

  test('all that is wrong is told at once', async () => {
    const answer = await send({ startDate: 'x', exportType: 'GHOSTS', format: 'ODS', csv: { bom: 1 }, wat: true });
    expect(answer.body.errors.map(({ field, code }) => [field, code])).toEqual([
      ['endDate', 'missing_field'],
      ['csv.bom', 'invalid_field'],
      ['exportType', 'unknown_dataset'],
      ['format', 'unknown_format'],
      ['wat', 'unknown_field'],
      ['startDate', 'invalid_date'],
    ]);
    expect(answer.body.errors[2]?.allowed).toEqual(['LEARNING_ACTIVITIES', 'LEARNING_ACTIVITY_INTERACTIONS', 'NOTES']);
  });

  test.each([
    ['not JSON', '{"startDate":', 400, 'malformed_body'],
    ['an array', '[]', 400, 'malformed_body'],
    ['a text', '"x"', 400, 'malformed_body'],
    ['nothing', '', 400, 'malformed_body'],
    ['too much', JSON.stringify({ ...BODY, about: 'x'.repeat(70_000) }), 413, 'body_too_large'],
  ])('a body that is %s', async (_name, body, status, code) => {
    const answer = await send(body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  test('bytes that are not UTF-8', async () => {
    const body = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const headers = { ...tenant.headers, 'content-type': 'application/json' };
    const response = await api.app.request('/exports', { method: 'POST', headers, body });
    expect([response.status, (await answerOf(response)).code]).toEqual([400, 'malformed_body']);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', ''])('content type "%s"', async (type) => {
    const answer = await send(BODY, { 'content-type': type });
    expect([answer.status, answer.body.code]).toEqual([415, 'unsupported_media_type']);
  });

  test.each([
    ['gzip', 415],
    ['identity', 202],
  ])('content encoding "%s"', async (encoding, status) => {
    expect((await send(BODY, { 'content-encoding': encoding })).status).toBe(status);
  });
});

describe('what comes of an order', () => {
  test('202 with the job id of the contract, where it is, and when to ask', async () => {
    const { status, body, response } = await send({ ...BODY, exportType: 'learning_activities', format: 'jsonl' });
    expect(status).toBe(202);
    const job = decodeJobId(body.job.id);
    expect(job?.workflowId).toBe(
      `data-export|tenantKey:${tenant.key}|type:learning_activities|format:jsonl|start:2012-09-05T11:12:47.000Z|end:2015-05-28T17:39:23.000Z`,
    );
    expect(response.headers.get('location')).toBe(`http://waybill.test/exports/${job?.runId}`);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Object.keys(body)).toEqual(['job']);
  });

  test('offsets and microseconds name the same window as their UTC spelling', async () => {
    const one = await send({ ...BODY, startDate: '2012-09-05T13:12:47.000001+02:00' });
    const other = await send({ ...BODY, startDate: '2012-09-05T11:12:47.000001Z' });
    expect(one.body.job.id).toBe(other.body.job.id);
    expect(decodeJobId(one.body.job.id)?.workflowId).toContain('|start:2012-09-05T11:12:47.000001Z|');
  });

  test('the same request while one runs gets its id; after it has ended, a new one', async () => {
    const body = { ...BODY, startDate: '2010-01-01' };
    const first = await send(body);
    expect((await send(body)).body.job.id).toBe(first.body.job.id);
    api.temporal.running.clear();
    const next = await send(body);
    expect(next.body.job.id).not.toBe(first.body.job.id);
    // It ended without a word to the ledger, which takes no two runs of one order for active.
    const states = [first, next].map(
      async ({ body: { job } }) => (await started.ledger.runs.find(decodeJobId(job.id)?.runId ?? ''))?.state,
    );
    expect(await Promise.all(states)).toEqual(['failed', 'pending']);
  });

  test('a run that has ended and not yet closed is waited for; one that does not close is said so', async () => {
    const body = { ...BODY, startDate: '2010-01-02' };
    const failure = { code: 'source_changed', message: 'It changed.' } as const;
    const end = async (id: string, looks: number) => {
      const exportId = decodeJobId(id)?.runId ?? '';
      api.temporal.closing.set(exportId, looks);
      await started.ledger.runs.end(exportId, { state: 'failed', failure });
    };
    const first = await send(body);
    await end(first.body.job.id, 2);
    const second = await send(body);
    expect(second.status).toBe(202);
    expect(second.body.job.id).not.toBe(first.body.job.id);
    expect((await send(body)).body.job.id).toBe(second.body.job.id);

    await end(second.body.job.id, Number.POSITIVE_INFINITY);
    const refused = await send(body);
    expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited']);
    expect(refused.response.headers.get('retry-after')).toBe('5');
  }, 20_000);

  test('a run that is being cancelled is not joined: it is waited for, and one that takes too long is said so', async () => {
    const body = { ...BODY, startDate: '2010-01-03' };
    const cancel = async (id: string, looks: number) => {
      const exportId = decodeJobId(id)?.runId ?? '';
      api.temporal.closing.set(exportId, looks);
      const answer = await api.app.request(`/exports/${exportId}`, { method: 'DELETE', headers: tenant.headers });
      expect(answer.status).toBe(202);
    };
    const first = await send(body);
    await cancel(first.body.job.id, 2);
    const second = await send(body);
    expect(second.status).toBe(202);
    expect(second.body.job.id).not.toBe(first.body.job.id);

    await cancel(second.body.job.id, Number.POSITIVE_INFINITY);
    const refused = await send(body);
    expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited']);
    expect(refused.response.headers.get('retry-after')).toBe('5');
  }, 20_000);

  test('every option of ours makes another export, and its default the same', async () => {
    const same = [
      {},
      { compression: 'none' },
      { recipients: [] },
      { csv: {} },
      { csv: { header: true } },
      { csv: { decimalComma: false, crlf: false } },
      { keepDays: 30 },
      { filter: [] },
      { timeZone: 'Etc/UTC' },
    ];
    const other = [
      { compression: 'zstd' },
      { columns: ['name', 'id'] },
      { columns: ['id', 'name'] },
      { csv: { bom: true } },
      { csv: { delimiter: ';' } },
      { csv: { decimalComma: true } },
      { csv: { crlf: true } },
      { csv: { preset: 'excel' } },
      { csv: { preset: 'excel', formulaGuard: false } },
      { keepDays: 1 },
      { timeZone: 'Europe/Berlin' },
      { filter: [{ column: 'id', op: 'eq', value: '1' }] },
      { filter: [{ column: 'id', op: 'isNull' }] },
    ];
    const ids = async (options: readonly object[]) =>
      new Set(await Promise.all(options.map(async (option) => (await send({ ...BODY, ...option })).body.job.id)));
    expect((await ids(same)).size).toBe(1);
    expect((await ids([...other, {}])).size).toBe(other.length + 1);
  });

  test('a preset is the same as its options', async () => {
    const options = { delimiter: ';', bom: true, decimalComma: true, crlf: true, formulaGuard: true };
    const ids = [{ preset: 'excel' }, options, { preset: 'excel', ...options }].map(
      async (csv) => (await send({ ...BODY, startDate: '2006-01-01', csv })).body.job.id,
    );
    expect(new Set(await Promise.all(ids)).size).toBe(1);
  });

  test('a filter is a digest in the job id, and shown as it was understood', async () => {
    const filter = [
      { column: 'name', op: 'in', values: ['b', 'a', 'b'] },
      { column: 'id', op: 'range', from: '1' },
    ];
    const { body } = await send({ ...BODY, startDate: '2007-01-01', filter });
    const again = await send({ ...BODY, startDate: '2007-01-01', filter: filter.toReversed() });
    expect(again.body.job.id).toBe(body.job.id);
    const job = decodeJobId(body.job.id);
    expect(job?.workflowId).toMatch(/\|filter:[0-9a-f]{16}$/);
    const shown = await api.app.request(`/exports/${job?.runId}`, { headers: tenant.headers });
    expect(await shown.json()).toMatchObject({
      filter: [
        { column: 'id', op: 'range', from: '1', to: null },
        { column: 'name', op: 'in', values: ['a', 'b'] },
      ],
    });
  });

  test('is in the ledger and in the audit trail', async () => {
    const { body } = await send({ ...BODY, startDate: '2009-01-01' });
    const exportId = decodeJobId(body.job.id)?.runId ?? '';
    expect(await started.ledger.runs.find(exportId)).toMatchObject({ tenant: tenant.key, state: 'pending' });
    const [entry] = await started.ledger.audit.list(tenant.key, 1);
    expect(entry).toMatchObject({ action: 'export.requested', actor: tenant.clientId, runId: exportId });
  });
});

describe('servers that are away', () => {
  test('Temporal: 503 with Retry-After, and nothing in the ledger', async () => {
    const before = await started.ledger.runs.countActive(tenant.key, 'on-demand');
    api.temporal.away.add('all');
    const { status, body, response } = await send({ ...BODY, startDate: '2008-01-01' });
    api.temporal.away.clear();
    expect([status, body.code]).toEqual([503, 'temporal_unavailable']);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await started.ledger.runs.countActive(tenant.key, 'on-demand')).toBe(before);
  });
});
