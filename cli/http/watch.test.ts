import { describe, expect, test } from 'vitest';
import type { ExportState } from '../../contracts/progress.ts';
import type { ExportView } from '../../contracts/views/on-demand.ts';
import { CliFailure, EXIT } from '../failure.ts';
import type { Client } from './client.ts';
import { watchExport } from './watch.ts';

function viewOf(state: ExportState, percent: number): ExportView {
  const progress = {
    percent,
    rowsDone: percent,
    rowsTotal: 100,
    contentBytes: 1,
    storedBytes: 1,
    partsDone: 0,
    partsTotal: 1,
    final: true,
  };
  return {
    id: 'job',
    exportId: '0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11',
    status: state === 'completed' ? 'COMPLETED' : 'PENDING',
    state,
    dataset: 'USERS',
    format: 'csv',
    compression: 'none',
    recipients: [],
    parameters: {},
    filter: [],
    timeZone: 'UTC',
    rowsPerFile: null,
    window: { from: '', to: '' },
    snapshotAt: null,
    progress,
    manifest: null,
    failure: null,
    requestedAt: '',
    startedAt: null,
    endedAt: null,
    expiresAt: null,
    downloadUrl: null,
    downloadExpiresAt: null,
  };
}

const event = (view: ExportView, name = 'progress') => `event: ${name}\ndata: ${JSON.stringify(view)}\n\n`;
const stream = (text: string) => new Response(text, { headers: { 'content-type': 'text/event-stream' } });
const unreachable = () => new CliFailure(EXIT.unreachable, 'gone', { temporary: true });

/** Answers the calls for events in turn, and the looks in between. */
function clientOf(events: readonly (Response | Error)[], looks: readonly ExportView[]): Client {
  let call = 0;
  let look = 0;
  return {
    async call() {
      const answer = events[Math.min(call, events.length - 1)];
      call += 1;
      if (answer instanceof Response) return answer;
      throw answer ?? new Error('no answer left');
    },
    async json(schema) {
      const view = looks[Math.min(look, looks.length - 1)];
      look += 1;
      return schema.parse(view);
    },
  };
}

async function percents(client: Client, signal = new AbortController().signal): Promise<readonly number[]> {
  const seen: number[] = [];
  const onView = (view: ExportView) => void seen.push(view.progress.percent);
  const last = await watchExport(client, 'e', { pollMs: 0, signal, onView });
  expect(last.progress.percent).toBe(seen.at(-1));
  return seen;
}

describe('watching an export', () => {
  test('follows its events to the end', async () => {
    const done = viewOf('completed', 100);
    const text = event(viewOf('pending', 0)) + event(viewOf('running', 40)) + event(done) + event(done, 'end');
    expect(await percents(clientOf([stream(text)], []))).toEqual([0, 40, 100]);
  });

  test('asks where there are no events', async () => {
    const plain = new Response('{}', { headers: { 'content-type': 'application/json' } });
    expect(await percents(clientOf([plain], [viewOf('completed', 100)]))).toEqual([100]);
  });

  test('goes on after the connection broke or Waybill was away', async () => {
    const answers = [stream(event(viewOf('running', 10))), unreachable(), stream(event(viewOf('completed', 100)))];
    expect(await percents(clientOf(answers, [viewOf('running', 20)]))).toEqual([10, 20, 100]);
  });

  test('leaves events out that it cannot read', async () => {
    const text = `event: progress\ndata: {\n\nevent: progress\ndata: {"a":1}\n\n${event(viewOf('failed', 7))}`;
    expect(await percents(clientOf([stream(text)], []))).toEqual([7]);
  });

  test('ends at once where it is refused, and when it is stopped', async () => {
    const refused = new CliFailure(EXIT.failed, 'There is no such export.');
    await expect(percents(clientOf([refused], []))).rejects.toBe(refused);
    await expect(percents(clientOf([unreachable()], []), AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  });
});
