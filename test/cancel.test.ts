import { describe, expect, it } from 'vitest';
import { exportPrefix } from '../contracts/keys.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { useStack } from './context.ts';
import { ALWAYS, createDoorClient, type ExportView } from './door.ts';

const stack = useStack();
const door = createDoorClient(stack.urls.api, 'dreambuilder');
const bucket = openBucket();

/** Seconds from the request to the state `cancelled`. */
const CANCEL_SECONDS = 5;

const MOMENTS: readonly (readonly [string, (view: ExportView) => boolean])[] = [
  ['at once', () => true],
  ['once it has been planned', ({ progress }) => progress.rowsTotal !== null],
  ['while bytes are being stored', ({ progress }) => progress.storedBytes > 0],
  ['near the end', ({ progress }) => progress.percent >= 80],
];

describe('cancelling', () => {
  it.each(MOMENTS)('%s leaves nothing, and says so only then', async (_, moment) => {
    const id = await door.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
    await door.until(id, (view) => moment(view) || view.status !== 'PENDING');
    const answer = await door.request('DELETE', `/exports/${id}`);
    // 204: it had completed, and its files are gone.
    expect([202, 204]).toContain(answer.status);
    if (answer.status === 202) {
      const view = await door.ended(id, CANCEL_SECONDS);
      if (view.state === 'completed') {
        // The cancel came when the manifest was there and the outcome on its way: whole, so it is to be deleted.
        expect((await door.request('DELETE', `/exports/${id}`)).status).toBe(204);
      } else {
        expect(view).toMatchObject({ status: 'FAILED', state: 'cancelled', failure: { code: 'cancelled' } });
      }
    }
    const prefix = exportPrefix('dreambuilder', id);
    expect(await keysBelow(bucket, prefix)).toEqual([]);
    expect(await bucket.abortUploads(prefix)).toBe(0);
    expect((await door.request('GET', `/exports/${id}/file`)).status).toBeGreaterThanOrEqual(404);
  });

  it('is told to clients of the documented call as a failure with the key `cancelled`', async () => {
    const answer = await door.request('POST', '/exports', {
      body: { ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV' },
    });
    const { job } = (await answer.json()) as { job: { id: string } };
    const path = `/exports?id=${encodeURIComponent(job.id)}`;
    await door.request('DELETE', `/exports/${encodeURIComponent(job.id)}`);
    await expect
      .poll(async () => ((await (await door.request('GET', path)).json()) as { job: { status: string } }).job.status, {
        timeout: CANCEL_SECONDS * 1000,
      })
      .toBe('FAILED');
    const { errors } = (await (await door.request('GET', path)).json()) as { errors: { key: string }[] };
    expect(errors.map(({ key }) => key)).toEqual(['cancelled']);
  });
});
