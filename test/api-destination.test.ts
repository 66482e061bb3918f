import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRemotes } from '../stores/remotes/remotes.ts';
import { generateSshKey } from '../stores/remotes/ssh-keys.ts';
import { type ComposedApi, type StartedApi, startApi } from './api-set-up.ts';

/** Addresses of the hosts that there are. */
const names = new Map([
  ['sftp.example.com', '93.184.215.14'],
  ['s3.example.com', '93.184.215.14'],
  ['inside.example.com', '10.0.0.7'],
  ['allowed.example.com', '10.9.0.7'],
]);

let started: StartedApi;
let api: ComposedApi;
let plain: ComposedApi;

beforeAll(async () => {
  started = await startApi();
  const remotes = createRemotes({
    secretsKeys: [randomBytes(32)],
    allowedNetworks: ['10.9.0.0/16'],
    resolve: async (host) => [{ address: names.get(host) ?? host, family: 4 }],
  });
  api = started.compose({}, undefined, undefined, remotes);
  plain = started.compose();
});
afterAll(() => started.stop());

const { private: privateKey } = generateSshKey();
const SFTP = {
  ...{ kind: 'sftp', host: 'sftp.example.com', user: 'waybill', path: 'inbox', privateKey },
  hostKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github.com',
};
const S3 = {
  ...{ kind: 's3', endpoint: 'https://s3.example.com', bucket: 'inbox', prefix: '/a/b/' },
  ...{ accessKey: 'the-access-key', secretKey: 'the-secret-key' },
};

type Headers = Readonly<Record<string, string>>;

async function ask(headers: Headers, method: string, path = '', body?: unknown, at = api) {
  const answer = await at.app.request(`/export/destination${path}`, {
    ...{ method, headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) } },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, text, body: JSON.parse(text) };
}

describe('a destination', () => {
  test('is stored sealed, and shown without its credentials', async () => {
    const { key, headers } = await started.addTenant();
    expect(await ask(headers, 'GET')).toMatchObject({ status: 404, body: { code: 'not_found' } });
    const set = await ask(headers, 'PUT', '', SFTP);
    const destination = {
      ...{ kind: 'sftp', host: 'sftp.example.com', port: 22, user: 'waybill', path: 'inbox', rows_per_file: null },
      host_key: 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU',
      template: '{year}/{month}/{day}/{entity}',
    };
    expect(set).toMatchObject({
      status: 200,
      body: { result: { destination, failing_since: null, last_delivery: null } },
    });
    const bucket = await ask(headers, 'PUT', '', { ...S3, template: '{date}/{entity}', rowsPerFile: 7 });
    expect(bucket.body.result.destination).toEqual({
      ...{ kind: 's3', endpoint: 'https://s3.example.com', region: 'us-east-1', bucket: 'inbox', prefix: 'a/b' },
      ...{ addressing: 'virtual-host', template: '{date}/{entity}', rows_per_file: 7 },
    });
    const shown = await ask(headers, 'GET');
    expect(shown.body.result).toEqual(bucket.body.result);
    const stored = await started.ledger.destinations.find(key);
    const everything = [set.text, bucket.text, shown.text, JSON.stringify(stored), ...started.logged].join();
    for (const secret of [privateKey.split('\n')[3] ?? '', 'the-secret-key', 'the-access-key']) {
      expect(secret.length).toBeGreaterThan(10);
      expect(everything).not.toContain(secret);
    }
    expect(await ask(headers, 'DELETE')).toMatchObject({ status: 200, body: { result: { removed: true } } });
    expect(await ask(headers, 'DELETE')).toMatchObject({ status: 200, body: { result: { removed: false } } });
  });

  test('of one tenant is not that of another, and readers cannot change it', async () => {
    const [mine, other] = [await started.addTenant(), await started.addTenant()];
    await ask(mine.headers, 'PUT', '', S3);
    expect((await ask(other.headers, 'GET')).status).toBe(404);
    const reader = await started.addCredential(mine.key, ['read']);
    expect((await ask(reader.headers, 'GET')).status).toBe(200);
    for (const [method, path, body] of [
      ['PUT', '', S3],
      ['DELETE', ''],
      ['POST', '/test'],
    ] as const) {
      expect((await ask(reader.headers, method, path, body)).status, method).toBe(403);
      expect((await ask({}, method, path, body)).status, method).toBe(401);
    }
  });

  test('cannot be set or tested without a key of the deployment', async () => {
    const { headers } = await started.addTenant();
    const refused = { status: 404, body: { status: 'error', code: 'push_not_offered' } };
    expect(await ask(headers, 'PUT', '', S3, plain)).toMatchObject(refused);
    await ask(headers, 'PUT', '', S3);
    expect(await ask(headers, 'POST', '/test', undefined, plain)).toMatchObject(refused);
  });

  test.each([
    ['another kind', { kind: 'ftp' }, 'kind', /Should be sftp or s3/],
    ['no kind', {}, 'kind', /Should be sftp or s3|missing/],
    ['an unknown field', { ...S3, sftp: true }, 'sftp', /There is no field sftp/],
    ['no host', { ...SFTP, host: undefined }, 'host', /missing/],
    ['a host with a path', { ...SFTP, host: 'a.example/b' }, 'host', /host name/],
    ['a port that is none', { ...SFTP, port: 70_000 }, 'port', /./],
    ['a path that leaves the directory', { ...SFTP, path: 'in/../..' }, 'path', /\.\./],
    ['no host key', { ...SFTP, hostKey: undefined }, 'hostKey', /missing/],
    ['an old host key', { ...SFTP, hostKey: 'ssh-dss AAAAB3NzaC1kc3MAAACBAP' }, 'hostKey', /ed25519/],
    ['no key', { ...SFTP, privateKey: undefined }, 'privateKey', /missing/],
    ['a broken key', { ...SFTP, privateKey: 'abc' }, 'privateKey', /ssh-keygen/],
    ['a key and a password', { ...SFTP, password: 'x' }, 'password', /one of them/],
    ['a template without the date', { ...S3, template: '{entity}' }, 'template', /date/],
    ['a template that leaves the directory', { ...S3, template: '../{date}/{entity}' }, 'template', /dot/],
    ['no rows', { ...S3, rowsPerFile: 0 }, 'rowsPerFile', /at least 1/],
    ['an endpoint with a path', { ...S3, endpoint: 'https://s3.example.com/inbox' }, 'endpoint', /without a path/],
    ['an endpoint with a password', { ...S3, endpoint: 'https://a:b@s3.example.com' }, 'endpoint', /without a path/],
    ['an endpoint of another protocol', { ...S3, endpoint: 'file:///etc/passwd' }, 'endpoint', /https/],
    ['a bucket that cannot be', { ...S3, bucket: 'In Box' }, 'bucket', /bucket/],
  ])('with %s is refused', async (_, body, field, message) => {
    const { headers } = await started.addTenant();
    const answer = await ask(headers, 'PUT', '', body);
    expect(answer).toMatchObject({ status: 400, body: { status: 'error', errors: [{ field }] } });
    expect(answer.body.errors[0].message).toMatch(message);
  });

  test.each([
    ['inside.example.com', 400],
    ['169.254.169.254', 400],
    ['127.0.0.1', 400],
    ['::1', 400],
    ['::ffff:10.0.0.1', 400],
    ['allowed.example.com', 200],
    ['sftp.example.com', 200],
  ])('at %s: %i', async (host, status) => {
    const { headers } = await started.addTenant();
    const answer = await ask(headers, 'PUT', '', { ...SFTP, host });
    expect(answer.status).toBe(status);
    if (status === 400) expect(answer.body).toMatchObject({ code: 'destination_refused' });
    if (status === 400) expect(answer.text).not.toContain('10.0.0');
  });

  test.each([
    ['http://s3.example.com', 400],
    ['http://allowed.example.com:9000', 200],
    ['https://inside.example.com', 400],
    ['http://169.254.169.254', 400],
    ['http://2130706433', 400],
    ['https://s3.example.com', 200],
  ])('at the endpoint %s: %i', async (endpoint, status) => {
    const { headers } = await started.addTenant();
    expect((await ask(headers, 'PUT', '', { ...S3, endpoint })).status).toBe(status);
  });
});
