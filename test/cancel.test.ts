import { beforeAll, describe, expect, it } from 'vitest';
import { expectEmpty, openBucket } from './bucket.ts';
import { exportPrefix } from './keys.ts';
import { type LosableServices, startLosable } from './lost-workers-set-up.ts';
import { ALWAYS, createOnDemandClient, type ExportView, type OnDemandClient } from './on-demand-client.ts';

let services: LosableServices;
let client: OnDemandClient;

beforeAll(async () => {
  services = await startLosable({});
  client = createOnDemandClient(services.url, 'dreambuilder');
});

/** Seconds from the request to the state `cancelled`. */
const CANCEL_SECONDS = 5;

/** A part of the upload of the export's only object, sent after the first is stored. */
const FOURTH_PART = /^PUT (\S+)\?\S*partNumber=4[&\s]/;
const COMPLETION = /^POST (\S+)\?\S*uploadId=/;

/** Where the upload is stopped, so that the export cannot end before its cancellation, and when it is cancelled. */
const MOMENTS: readonly (readonly [string, RegExp, (view: ExportView) => boolean])[] = [
  ['at once', FOURTH_PART, () => true],
  ['once it has been planned', FOURTH_PART, ({ progress }) => progress.rowsTotal !== null],
  ['while bytes are being stored', FOURTH_PART, ({ progress }) => progress.storedBytes > 0],
  ['near the end', COMPLETION, ({ progress }) => progress.percent >= 80],
];

describe('cancelling', () => {
  it.each(MOMENTS)('%s leaves nothing when the state is cancelled', async (_, where, moment) => {
    const stopped = services.objects.holdAt(where);
    const id = await client.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
    await client.until(id, moment);
    expect((await client.request('DELETE', `/exports/${id}`)).status).toBe(202);
    const ended = client.ended(id, CANCEL_SECONDS);
    // An export that is cancelled early never sends the request to stop. A completion is not aborted, because it would be
    // unknown whether the object exists; it has to go on.
    if (where !== COMPLETION) await Promise.race([ended, stopped.then(({ givenUp }) => givenUp)]);
    void services.objects.release();
    expect(await ended).toMatchObject({ status: 'FAILED', state: 'cancelled', failure: { code: 'cancelled' } });
    await expectEmpty(openBucket(services.settings), exportPrefix('dreambuilder', id));
    expect((await client.request('GET', `/exports/${id}/file`)).status).toBeGreaterThanOrEqual(404);
  });

  it('is a failure with the key `cancelled` for clients of the documented call', async () => {
    const stopped = services.objects.holdAt(FOURTH_PART);
    const answer = await client.request('POST', '/exports', {
      body: { ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV' },
    });
    const { job } = (await answer.json()) as { job: { id: string } };
    const { givenUp } = await stopped;
    const path = `/exports?id=${encodeURIComponent(job.id)}`;
    await client.request('DELETE', `/exports/${encodeURIComponent(job.id)}`);
    await givenUp;
    void services.objects.release();
    await expect
      .poll(
        async () => ((await (await client.request('GET', path)).json()) as { job: { status: string } }).job.status,
        {
          timeout: CANCEL_SECONDS * 1000,
        },
      )
      .toBe('FAILED');
    const { errors } = (await (await client.request('GET', path)).json()) as { errors: { key: string }[] };
    expect(errors.map(({ key }) => key)).toEqual(['cancelled']);
  });
});
