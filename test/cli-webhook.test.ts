import { describe, expect, test } from 'vitest';
import { waybill } from './cli-run.ts';
import { startOwnServices } from './context.ts';
import { waitUntil } from './wait-until.ts';
import { startReceiver, verified, withStatus } from './webhook-receiver.ts';

const services = await startOwnServices();
const receiver = await startReceiver();
const environment = {
  WAYBILL_URL: services.url,
  WAYBILL_CLIENT_ID: 'dreambuilder',
  WAYBILL_CLIENT_SECRET: 'dreambuilder-demo-secret',
};
const webhook = (...args: readonly string[]) => waybill(['webhook', ...args], environment);

/** Each test goes on where the one before ended. */
describe('the command line for webhooks', () => {
  let secret = '';

  test('says what is wrong', async () => {
    expect(await webhook('show')).toMatchObject({ code: 1, errors: expect.stringContaining('No webhook is set') });
    expect(await webhook('set', 'ftp://a.example')).toMatchObject({
      code: 2,
      errors: expect.stringContaining('field url'),
    });
    expect(await webhook('set', receiver.url, '--events', 'export.started')).toMatchObject({ code: 2 });
    expect(await webhook('set', 'https://10.0.0.7/')).toMatchObject({ code: 2 });
    expect((await webhook('deliveries')).errors).toContain('There was no event yet.');
  });

  test('sets a webhook and shows its secret once', async () => {
    const set = await webhook('set', `${receiver.url}/all`, '--events', 'export.completed, export.failed');
    expect(set.code, set.errors).toBe(0);
    secret = /^secret +(whsec_\S+)$/m.exec(set.output)?.[1] ?? '';
    expect(secret).toMatch(/^whsec_.{44}$/);
    const shown = await webhook('show');
    expect(shown.output).toMatch(/^url +http.*\/all\nevents +export\.completed, export\.failed\nchanged +20/);
    expect(shown.output).not.toContain('whsec_');
    expect((await webhook('set', `${receiver.url}/all`)).errors).toContain('the one that you have');
  });

  test('tests it, and exits with 1 if it does not answer with 2xx', async () => {
    expect(await webhook('test')).toMatchObject({ code: 0, errors: expect.stringContaining('answered 204') });
    receiver.respond(withStatus(500));
    expect(await webhook('test')).toMatchObject({ code: 1, errors: expect.stringContaining('It answered 500.') });
    expect(JSON.parse((await webhook('test', '--json')).output)).toMatchObject({ delivered: false, status: 500 });
    receiver.respond(withStatus(204));
  });

  test('orders with a callback, and lists what was sent', async () => {
    const window = ['--from', '1900-01-01', '--to', '2100-01-01'];
    const args = ['export', 'NETWORKS', ...window, '--callback-url', `${receiver.url}/one`, '--json'];
    const { exportId } = JSON.parse((await waybill(args, environment)).output);
    const [request] = await receiver.until('export.completed', 1, '/one');
    if (!request) throw new Error('nothing was received');
    expect(verified(secret, request).data).toMatchObject({ exportId });
    const listed = await waitUntil(
      () => webhook('deliveries'),
      ({ output }) => output.match(/delivered/g)?.length === 2,
      30,
    );
    expect(listed.output).toMatch(/^CREATED .*ANSWER/);
    expect(listed.output).toContain(new URL(receiver.url).host);
    expect(listed.output).not.toContain('/one');
    expect(await waybill(['export', 'NETWORKS', ...window, '--param', 'callbackUrl=x'], environment)).toMatchObject({
      code: 2,
    });
  });

  test('rotates the secret and removes the webhook', async () => {
    const rotated = JSON.parse((await webhook('rotate', '--json')).output);
    expect(rotated.secret).toMatch(/^whsec_/);
    expect(rotated.secret).not.toBe(secret);
    expect((await webhook('show')).output).toMatch(/previous secret +signs too until 20/);
    expect((await webhook('remove')).errors).toContain('the webhook is removed');
    expect((await webhook('remove')).errors).toContain('there was no webhook');
  });
});
