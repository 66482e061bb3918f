import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInstant } from './instant.ts';
import { decodeJobId, encodeJobId, onDemandWorkflowId } from './job-id.ts';
import { CSV_DEFAULTS, type Order } from './order.ts';

/** The example of the published document. */
const PUBLISHED =
  'WyJkYXRhLWV4cG9ydHx0ZW5hbnRLZXk6ZHJlYW1idWlsZGVyfHR5cGU6bGVhcm5pbmdfYWN0aXZpdGllc3xmb3JtYXQ6anNvbmx8c3RhcnQ6MjAxMi0wOS0wNVQxMToxMjo0Ny4wMDBafGVuZDoyMDE1LTA1LTI4VDE3OjM5OjIzLjAwMFoiLCJiYjNiNzIyOS0xYTJhLTQzYzgtYmM4Mi01MTc4MjIzMGI4NDYiXQ==';

function order(changes: Partial<Order> = {}): Order {
  const [from, to] = [parseInstant('2012-09-05T11:12:47.000Z'), parseInstant('2015-05-28T17:39:23.000Z')];
  if (!from || !to) throw new Error('unreadable test window');
  return {
    tenant: 'dreambuilder',
    dataset: 'LEARNING_ACTIVITIES',
    window: { from, to, bounds: 'inclusive' },
    parameters: {},
    format: 'jsonl',
    csv: CSV_DEFAULTS,
    columns: null,
    compression: 'none',
    recipients: [],
    keepDays: 30,
    ...changes,
  };
}

const NO_DIGESTS = { filter: '', options: '' };

describe('job ids', () => {
  it('are those of the published document, to the letter', () => {
    const runId = 'bb3b7229-1a2a-43c8-bc82-51782230b846';
    expect(encodeJobId({ workflowId: onDemandWorkflowId(order(), NO_DIGESTS), runId })).toBe(PUBLISHED);
    expect(decodeJobId(PUBLISHED)).toEqual({ workflowId: onDemandWorkflowId(order(), NO_DIGESTS), runId });
  });

  it('carry parameters by name, escaped, then the digests of filter and options', () => {
    const parameters = { learningActivityId: 12345, name: 'a|b:c' };
    expect(onDemandWorkflowId(order({ parameters }), { filter: '0a1b', options: 'k3f9' })).toMatch(
      /\|learningActivityId:12345\|name:a%7Cb%3Ac\|filter:0a1b\|options:k3f9$/,
    );
  });

  it('survive the query strings of clients that do not escape them', () => {
    const job = { workflowId: 'data-export|tenantKey:a>>>?~~|x', runId: 'bb3b7229-1a2a-43c8-bc82-51782230b846' };
    const id = encodeJobId(job);
    expect(decodeJobId(id.replaceAll('+', ' '))).toEqual(job);
    expect(decodeJobId(id.replaceAll('=', ''))).toEqual(job);
    expect(decodeJobId(id.replaceAll('+', '-').replaceAll('/', '_'))).toEqual(job);
  });

  it.each(['', '=', 'x', '%', 'bnVsbA==', 'W10=', 'WzEsMl0=', 'WyJhIiwiYiJd', '../../etc/passwd'])(
    'are not made of %j',
    (text) => {
      expect(decodeJobId(text)).toBeUndefined();
    },
  );

  it('never throw, whatever is sent', () => {
    fc.assert(fc.property(fc.string(), (text) => void decodeJobId(text)));
    fc.assert(fc.property(fc.json(), (text) => void decodeJobId(Buffer.from(text).toString('base64'))));
  });
});
