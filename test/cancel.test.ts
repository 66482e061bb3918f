import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportPrefix } from '../contracts/keys.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { ALWAYS, createDoorClient, type DoorClient, type ExportView } from './door.ts';
import { type LosableServices, startLosable } from './lost-workers-set-up.ts';

let services: LosableServices;
let door: DoorClient;

beforeAll(async () => {
  services = await startLosable({});
  door = createDoorClient(services.url, 'dreambuilder');
});
afterAll(() => services?.stop());

/** Seconds from the request to the state `cancelled`. */
const CANCEL_SECONDS = 5;

/** A part of the upload of the export's only object. The fourth is sent after the first is stored. */
const FOURTH_PART = /^PUT (\S+)\?\S*partNumber=4[&\s]/;
const COMPLETION = /^POST (\S+)\?\S*uploadId=/;

/** Where the upload is stopped, so that the export cannot end before it is cancelled, and when it is cancelled. */
const MOMENTS: readonly (readonly [string, RegExp, (view: ExportView) => boolean])[] = [
  ['at once', FOURTH_PART, () => true],
  ['once it has been planned', FOURTH_PART, ({ progress }) => progress.rowsTotal !== null],
  ['while bytes are being stored', FOURTH_PART, ({ progress }) => progress.storedBytes > 0],
  ['near the end', COMPLETION, ({ progress }) => progress.percent >= 80],
];

describe('cancelling', () => {
  it.each(MOMENTS)('%s leaves nothing, and says so only then', async (_, where, moment) => {
    const stopped = services.objects.holdAt(where);
    const id = await door.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
    await door.until(id, moment);
    expect((await door.request('DELETE', `/exports/${id}`)).status).toBe(202);
    const ended = door.ended(id, CANCEL_SECONDS);
    // An export that is cancelled early never gets to the request that would be stopped. A completion is not cut off,
    // because nobody would know whether the object is there; it has to go on.
    if (where !== COMPLETION) await Promise.race([ended, stopped.then(({ givenUp }) => givenUp)]);
    void services.objects.release();
    expect(await ended).toMatchObject({ status: 'FAILED', state: 'cancelled', failure: { code: 'cancelled' } });
    const bucket = openBucket(services.settings);
    const prefix = exportPrefix('dreambuilder', id);
    expect(await keysBelow(bucket, prefix)).toEqual([]);
    expect(await bucket.abortUploads(prefix)).toBe(0);
    expect((await door.request('GET', `/exports/${id}/file`)).status).toBeGreaterThanOrEqual(404);
  });

  it('is told to clients of the documented call as a failure with the key `cancelled`', async () => {
    const stopped = services.objects.holdAt(FOURTH_PART);
    const answer = await door.request('POST', '/exports', {
      body: { ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV' },
    });
    const { job } = (await answer.json()) as { job: { id: string } };
    const { givenUp } = await stopped;
    const path = `/exports?id=${encodeURIComponent(job.id)}`;
    await door.request('DELETE', `/exports/${encodeURIComponent(job.id)}`);
    await givenUp;
    void services.objects.release();
    await expect
      .poll(async () => ((await (await door.request('GET', path)).json()) as { job: { status: string } }).job.status, {
        timeout: CANCEL_SECONDS * 1000,
      })
      .toBe('FAILED');
    const { errors } = (await (await door.request('GET', path)).json()) as { errors: { key: string }[] };
    expect(errors.map(({ key }) => key)).toEqual(['cancelled']);
  });
});
