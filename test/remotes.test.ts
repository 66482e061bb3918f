import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Client } from 'minio';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { createNetworks } from '../config/networks.ts';
import type { S3Destination, SftpDestination } from '../contracts/destination.ts';
import { LOOPBACK } from '../stack/ports.ts';
import { createAddressGuard, type Resolve } from '../stores/remotes/address-guard.ts';
import { probe, type Remote } from '../stores/remotes/remote.ts';
import { openS3 } from '../stores/remotes/s3.ts';
import { openSftp } from '../stores/remotes/sftp.ts';
import { readHostKey } from '../stores/remotes/ssh-keys.ts';
import { closeAtEnd } from './cleanup.ts';
import { useStack } from './context.ts';
import { failsWith } from './ledger-set-up.ts';
import { type SshServer, startSshServer } from './ssh-server.ts';

const { settings } = useStack();
const server = await startSshServer();
const plainServer = await startSshServer('-P posix-rename,fsync');
const noSignal = new AbortController().signal;

const names = new Map<string, string>([['server.example', LOOPBACK]]);
const resolve: Resolve = async (host) => [{ address: names.get(host) ?? host, family: 4 }];
const guard = createAddressGuard({ allowed: createNetworks([LOOPBACK]), resolve });

function sftpConfig({ port, user, folder, hostKeys }: SshServer, more: Partial<SftpDestination> = {}): SftpDestination {
  const key = readHostKey(hostKeys.ed25519);
  return {
    ...{ kind: 'sftp', host: LOOPBACK, port, user, directory: folder, template: '{date}/{entity}', rowsPerFile: null },
    ...{ hostKey: key?.fingerprint ?? '', hostKeyType: key?.type ?? null },
    ...more,
  };
}

async function sftp(own = server, more: Partial<SftpDestination> = {}, privateKey = own.privateKey): Promise<Remote> {
  const remote = await openSftp(sftpConfig(own, more), { privateKey }, guard, noSignal);
  closeAtEnd(remote.close);
  return remote;
}

const bucket = `push-${randomUUID()}`;
const secret = { accessKey: settings.WAYBILL_OBJECTS_ACCESS_KEY, secretKey: settings.WAYBILL_OBJECTS_SECRET_KEY };
const s3Config: S3Destination = {
  ...{ kind: 's3', endpoint: settings.WAYBILL_OBJECTS_URL, region: 'us-east-1', bucket, addressing: 'path' },
  ...{ prefix: 'in/box', template: '{date}/{entity}', rowsPerFile: null },
};

function s3(
  more: Partial<S3Destination> = {},
  own: { readonly accessKey?: string; readonly secretKey?: string } = {},
): Remote {
  const remote = openS3({ ...s3Config, ...more }, { ...secret, ...own }, guard);
  closeAtEnd(remote.close);
  return remote;
}

const tenantsClient = new Client({
  ...{
    endPoint: LOOPBACK,
    port: Number(new URL(settings.WAYBILL_OBJECTS_URL).port),
    useSSL: false,
    region: 'us-east-1',
  },
  ...secret,
});
beforeAll(() => tenantsClient.makeBucket(bucket, 'us-east-1'));

/** Everything below a folder, temporary files included. */
const filesOf = async (folder: string) =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .sort();

async function objectsOf(): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of tenantsClient.listObjectsV2(bucket, 'in/box/', true)) found.push(name.slice(7));
  return found.sort();
}

async function* chunksOf(bytes: Buffer, size: number, after: () => void = () => undefined): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = Buffer.from(bytes.subarray(at, at + size));
    yield chunk;
    chunk.fill(0);
  }
  after();
}

const CSV = { contentType: 'text/csv; charset=utf-8', signal: noSignal };

describe.each([
  ['an SFTP server', () => sftp(), () => filesOf(server.folder)],
  ['an SFTP server without extensions', () => sftp(plainServer), () => filesOf(plainServer.folder)],
  ['a bucket', async () => s3(), objectsOf],
])('%s', (kind, open, stored) => {
  it('gets files of any size, byte for byte, into directories that it creates', async () => {
    const remote = await open();
    for (const size of [0, 1, 32_767, 32_768, 32_769, 3_000_000, 20_000_000]) {
      const bytes = randomBytes(size);
      const path = `sizes/deep/${size}.csv`;
      let seen = 0;
      const onProgress = (count: number) => {
        seen = count;
      };
      expect(await remote.write(path, chunksOf(bytes, 70_001), { ...CSV, onProgress })).toBe(size);
      expect(seen).toBe(size);
      expect((await read(kind, path)).equals(bytes), path).toBe(true);
      await remote.remove(path);
      await remote.remove(path);
    }
    expect(await stored()).toEqual([]);
  });

  it('replaces a file, and lists those that begin alike', async () => {
    const remote = await open();
    for (const text of ['first', 'second']) await remote.write('a/user.csv', chunksOf(Buffer.from(text), 3), CSV);
    await remote.write('a/user_login.csv', chunksOf(Buffer.from('x'), 3), CSV);
    expect((await read(kind, 'a/user.csv')).toString()).toBe('second');
    const again = await open();
    expect((await again.list('a/user')).toSorted()).toEqual(['a/user.csv', 'a/user_login.csv']);
    expect(await again.list('a/other')).toEqual([]);
    for (const path of await again.list('a/user')) await again.remove(path);
    expect(await stored()).toEqual([]);
  });

  it('keeps what it had if the source fails or the delivery is stopped', async () => {
    const remote = await open();
    await remote.write('b/user.csv', chunksOf(Buffer.from('old'), 3), CSV);
    const bytes = randomBytes(9_000_000);
    const fail = () => {
      throw new Error('the source is gone');
    };
    await expect(remote.write('b/user.csv', chunksOf(bytes, 99_999, fail), CSV)).rejects.toThrow('the source is gone');
    const stop = new AbortController();
    const stopped = remote.write(
      'b/user.csv',
      chunksOf(bytes, 99_999, () => stop.abort(new Error('enough'))),
      {
        ...CSV,
        signal: stop.signal,
      },
    );
    await expect(stopped).rejects.toThrow('enough');
    expect((await read(kind, 'b/user.csv')).toString()).toBe('old');
    await remote.remove('b/user.csv');
    expect(await stored()).toEqual([]);
  });

  it('passes a probe that leaves nothing', async () => {
    await probe(await open(), noSignal);
    expect(await stored()).toEqual([]);
  });
});

async function read(kind: string, path: string): Promise<Buffer> {
  if (kind === 'a bucket')
    return Buffer.concat(await (await tenantsClient.getObject(bucket, `in/box/${path}`)).toArray());
  return readFile(join((kind === 'an SFTP server' ? server : plainServer).folder, path));
}

describe('an SFTP server', () => {
  it('is told apart by whether it can replace a file at once', async () => {
    expect((await sftp()).replaces).toBe('at-once');
    expect((await sftp(plainServer)).replaces).toBe('after-removal');
  });

  it('loses what a lost attempt at the same file left behind, and nothing else', async () => {
    const other = ['.user.csv.notours.part', '.userx.csv.0123456789abcdef.part', 'user.csv.part'];
    for (const name of [...other, '.user.csv.0123456789abcdef.part']) await writeFile(join(server.folder, name), 'x');
    const remote = await sftp();
    await remote.write('user.csv', chunksOf(Buffer.from('whole'), 5), CSV);
    expect(await filesOf(server.folder)).toEqual([...other, 'user.csv'].sort());
    for (const name of [...other, 'user.csv']) await remote.remove(name);
  });

  test.each(['ed25519', 'ecdsa', 'rsa'] as const)(
    'is known by its %s key, or by its fingerprint alone',
    async (type) => {
      const key = readHostKey(server.hostKeys[type]);
      const pinned = { hostKey: key?.fingerprint ?? '', hostKeyType: key?.type ?? null };
      await sftp(server, pinned);
      await sftp(server, { ...pinned, hostKeyType: null });
    },
  );

  it('with another host key is refused before anything is sent', async () => {
    const other = readHostKey(plainServer.hostKeys.ed25519)?.fingerprint ?? '';
    for (const hostKeyType of ['ssh-ed25519', null]) {
      await expect(sftp(server, { hostKey: other, hostKeyType })).rejects.toEqual(failsWith('host_key_mismatch'));
    }
    await expect(sftp(server, { hostKey: '' })).rejects.toEqual(failsWith('host_key_mismatch'));
  });

  it('is left clean by a delivery that is stopped as a whole', async () => {
    const stop = new AbortController();
    const remote = await openSftp(sftpConfig(server), { privateKey: server.privateKey }, guard, stop.signal);
    closeAtEnd(remote.close);
    const source = chunksOf(randomBytes(3_000_000), 99_999, () => stop.abort(new Error('enough')));
    await expect(remote.write('stopped.csv', source, { ...CSV, signal: stop.signal })).rejects.toThrow('enough');
    expect(await filesOf(server.folder)).toEqual([]);
  });

  it('that refuses the key, is away or forbids to write, is told apart', async () => {
    await expect(sftp(server, {}, plainServer.privateKey)).rejects.toEqual(failsWith('destination_login'));
    await expect(sftp(server, { port: 1 })).rejects.toEqual(failsWith('destination_unavailable'));
    const remote = await sftp(server, { directory: '/proc/nothing' });
    await expect(probe(remote, noSignal)).rejects.toEqual(failsWith('destination_rejected'));
  });

  it('with algorithms that no longer count as secure is refused', async () => {
    const old = await startSshServer('', ['KexAlgorithms diffie-hellman-group14-sha1']);
    await expect(sftp(old)).rejects.toEqual(failsWith('destination_rejected'));
  });

  it('whose name leads inside is refused, also when that changes between a test and a delivery', async () => {
    names.set('moving.example', LOOPBACK);
    await probe(await sftp(server, { host: 'moving.example' }), noSignal);
    names.set('moving.example', '127.0.0.2');
    await expect(sftp(server, { host: 'moving.example' })).rejects.toEqual(failsWith('destination_refused'));
    await expect(sftp(server, { host: '127.0.0.2' })).rejects.toEqual(failsWith('destination_refused'));
  });
});

describe('a bucket', () => {
  const port = new URL(settings.WAYBILL_OBJECTS_URL).port;

  it('loses the uploads of lost attempts at the same file', async () => {
    const key = 'in/box/lost.csv';
    await tenantsClient.initiateNewMultipartUpload(bucket, key, {});
    const uploads = async () =>
      (await tenantsClient.listIncompleteUploadsQuery(bucket, key, '', '', '')).uploads.length;
    expect(await uploads()).toBe(1);
    const remote = s3();
    await remote.write('lost.csv', chunksOf(Buffer.from('whole'), 5), CSV);
    expect(await uploads()).toBe(0);
    await remote.remove('lost.csv');
  });

  it('with wrong credentials, or that does not exist, is told apart', async () => {
    await expect(probe(s3({}, { secretKey: 'wrong-secret' }), noSignal)).rejects.toEqual(
      failsWith('destination_login'),
    );
    await expect(probe(s3({}, { accessKey: 'nobody' }), noSignal)).rejects.toEqual(failsWith('destination_login'));
    const missing = probe(s3({ bucket: `missing-${randomUUID()}` }), noSignal);
    await expect(missing).rejects.toEqual(failsWith('destination_rejected'));
    await expect(probe(s3({ endpoint: `http://${LOOPBACK}:1` }), noSignal)).rejects.toEqual(
      failsWith('destination_unavailable'),
    );
  });

  it('whose name leads inside is refused, also when that changes between two connections', async () => {
    names.set('moving.example', LOOPBACK);
    const endpoint = `http://moving.example:${port}`;
    await probe(s3({ endpoint }), noSignal);
    names.set('moving.example', '127.0.0.2');
    await expect(probe(s3({ endpoint }), noSignal)).rejects.toEqual(failsWith('destination_refused'));
    await expect(probe(s3({ endpoint: `http://127.0.0.2:${port}` }), noSignal)).rejects.toEqual(
      failsWith('destination_refused'),
    );
  });

  it('does not get a request by a redirect', async () => {
    const requests: string[] = [];
    const target = createServer((request, answer) => {
      requests.push(request.url ?? '');
      answer.end();
    });
    const redirecting = createServer((request, answer) => {
      answer.writeHead(307, { location: `${urlOf(target)}${request.url}` }).end();
    });
    for (const each of [target, redirecting]) {
      await new Promise<void>((done) => each.listen(0, LOOPBACK, done));
      closeAtEnd(() => each.close());
    }
    const failure = await probe(s3({ endpoint: urlOf(redirecting) }), noSignal).catch((error: unknown) => error);
    expect(failure).toEqual(failsWith('destination_rejected'));
    expect(requests).toEqual([]);
  });
});

function urlOf(server: ReturnType<typeof createServer>): string {
  const address = server.address();
  return `http://${LOOPBACK}:${typeof address === 'object' && address ? address.port : 0}`;
}
