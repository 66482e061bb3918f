import { describe, expect, test } from 'vitest';
import { createSendRequestMails, type RequestMailPorts } from '../activities/notices/request-mails.ts';
import { createCatalog, loadCatalog } from '../config/catalog.ts';
import { createLogger } from '../config/logger.ts';
import { createMail } from '../stores/mail/smtp.ts';
import { openBucket } from './bucket.ts';
import { closeAtEnd } from './cleanup.ts';
import { waybill } from './cli-run.ts';
import { openLedger, startOwnServices, useStack } from './context.ts';
import { createRequestsClient, YEAR } from './requests-client.ts';
import { startSmtpServer } from './smtp-server.ts';
import { waitUntil } from './wait-until.ts';

const { urls } = useStack();
const services = await startOwnServices({
  WAYBILL_REQUESTS_TIME_ZONE: 'Europe/Amsterdam',
  WAYBILL_SUPPORT_EMAIL: 'support@northgate.example',
  WAYBILL_TEMPORAL_UI_URL: 'http://temporal.example',
  WAYBILL_RECONCILE_SECONDS: '31536000',
});
const client = createRequestsClient(services.url);
const ledger = openLedger(services.settings);

interface Caught {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly envelope: { readonly to: readonly { readonly address: string }[] };
}

/** Waits for mails to this address on the stack's mail server. */
async function caught(address: string, count = 1): Promise<readonly Caught[]> {
  const find = async () => {
    const all = (await (await fetch(`${urls.mail}/email`)).json()) as readonly Caught[];
    return all.filter(({ envelope }) => envelope.to.some((one) => one.address === address));
  };
  return waitUntil(find, ({ length }) => length >= count, 30);
}

const operator = (...args: readonly string[]) =>
  waybill(args, { WAYBILL_LEDGER_URL: services.settings.WAYBILL_LEDGER_URL });

/** Counts its own tries, over a mail server that does as it is told. */
async function senderOf(answer: (command: string) => string | undefined) {
  const server = await startSmtpServer(answer);
  const mail = createMail({ url: `smtp://127.0.0.1:${server.port}`, from: 'Waybill <waybill@example.org>' });
  closeAtEnd(async () => mail.close());
  const ports: RequestMailPorts = {
    catalog: createCatalog((await loadCatalog(services.settings.WAYBILL_CATALOG ?? '')).datasets),
    ...{ ledger, objects: openBucket(services.settings), mail, publicUrl: 'https://waybill.example' },
    requests: { runningMax: 1, timeZone: 'UTC', supportEmail: null, temporalUi: null },
    logger: createLogger('test', 'silent'),
  };
  return { server, send: createSendRequestMails(ports) };
}

describe('a mail about a request', () => {
  test('goes to the address of its credential once it is available: link, expiry, size, hash', async () => {
    const address = `anna-${crypto.randomUUID()}@acme.example`;
    expect((await operator('requests', 'email', 'dreambuilder', address)).code).toBe(0);
    const id = await client.submit({ realm: 'Cloud' });
    await client.until(id, 'Available');
    const [mail] = await caught(address);
    const run = await ledger.requests.find('dreambuilder', id);
    expect(mail?.subject).toBe('Your Cloud export is ready');
    const text = mail?.text.replace(/\s+/g, ' ') ?? '';
    const rows = run?.rows?.toLocaleString('en') ?? '';
    expect(text).toContain(`Your Cloud export is ready ${rows} rows, `);
    expect(text).toMatch(
      /Download it by \w+day \d+ \w+ \d{4}, \d\d:\d\d \(Europe\/Amsterdam\); then the file is deleted\./,
    );
    expect(text).toContain(`${services.url}/portal/requests/${id} You log in first; the link alone opens nothing.`);
    expect(text).toMatch(new RegExp(`Request: ${id}, by dreambuilder on \\d+ \\w+ \\d{4}`));
    expect(text).toContain('Realm: Cloud, 9 fields, 1 de-identified');
    expect(text).toContain('Window: 1 January to 31 December 2016');
    expect(text).toContain('File: Cloud--2016-01-01-2016-12-31.zip, CSV');
    const { entries } = await client.download(id);
    const hash = Buffer.from(
      await crypto.subtle.digest('SHA-256', new Uint8Array(entries.get('Cloud--2016-01-01-2016-12-31.csv') ?? [])),
    ).toString('hex');
    expect(text.replaceAll(' ', '')).toContain(hash);
    for (const word of ['Download it by', `/portal/requests/${id}"`, hash, 'Europe/Amsterdam']) {
      expect(mail?.html).toContain(word);
    }
    expect(mail?.text.split('\n').every((line) => line.length <= 76 || line.startsWith('http'))).toBe(true);
    await expect.poll(async () => (await ledger.requests.find('dreambuilder', id))?.mailedAt).toBeInstanceOf(Date);
    expect(await caught(address)).toHaveLength(1);
  });

  test('goes to the contacts if the credential has no address, and tells the user and support of a failure', async () => {
    const address = `data-${crypto.randomUUID()}@acme.example`;
    await operator('requests', 'email', 'dreambuilder', '--none');
    await operator('tenant', 'contacts', 'dreambuilder', address);
    const run = await failedRun();
    const { send, server } = await senderOf(() => undefined);
    expect(await send(run, 'table jobs.cloud')).toBe(true);
    expect(server.emails.map(({ to }) => to)).toEqual([[address]]);
    const content = decoded(server.emails[0]?.content ?? '');
    expect(content).toContain('Subject: Your Jobs export could not be made');
    expect(content).toContain('The service could not read the data. No file was made.');
    expect(content).toContain(`https://waybill.example/portal/requests/${run.number}`);
    expect(content).not.toContain('jobs.cloud');
  });

  test('to support has what an operator needs, and no rows', async () => {
    const run = await failedRun();
    const { server } = await senderOf(() => undefined);
    const mail = createMail({ url: `smtp://127.0.0.1:${server.port}`, from: 'waybill@example.org' });
    closeAtEnd(async () => mail.close());
    const { createSendRequestMails: create } = await import('../activities/notices/request-mails.ts');
    const send = create({
      ...{ catalog: createCatalog([]), ledger, objects: openBucket(services.settings), mail },
      ...{ publicUrl: 'https://waybill.example', logger: createLogger('test', 'silent') },
      requests: {
        ...{ runningMax: 1, timeZone: 'UTC', supportEmail: 'support@northgate.example' },
        temporalUi: { url: 'http://temporal.example', namespace: 'waybill' },
      },
    });
    await ledger.tenants.setContacts('dreambuilder', []);
    await send(run, 'Catalog Error: no table jobs.cloud');
    expect(server.emails.map(({ to }) => to)).toEqual([['support@northgate.example']]);
    const content = decoded(server.emails[0]?.content ?? '');
    expect(content).toContain(`Subject: [support] Request ${run.number} of dreambuilder failed: dataset_broken`);
    for (const detail of [
      run.runId,
      'Catalog Error: no table jobs.cloud',
      'http://temporal.example/namespaces/waybill/workflows/',
    ]) {
      expect(content.replace(/\n +/g, '')).toContain(detail);
    }
  });

  test('is sent again only if it has certainly not been sent, and never twice', async () => {
    await ledger.tenants.setContacts('dreambuilder', ['ann@acme.example', 'bob@acme.example']);
    const run = await failedRun();
    let say: string | undefined = '450 4.2.0 later';
    const { send, server } = await senderOf((line) => (/^RCPT.*bob/.test(line) ? say : undefined));
    const to = () => server.emails.flatMap((mail) => mail.to);
    await expect(send(run, undefined)).rejects.toMatchObject({ code: 'mail_unavailable' });
    expect(to()).toEqual(['ann@acme.example']);
    say = undefined;
    await send(run, undefined);
    await send(run, undefined);
    expect(to()).toEqual(['ann@acme.example', 'bob@acme.example']);
  });

  test('whose sender died between sending and recording is not sent again', async () => {
    await ledger.tenants.setContacts('dreambuilder', ['ann@acme.example']);
    const run = await failedRun();
    expect(await ledger.requests.claimMail(run.runId, 'failed', 'ann@acme.example')).toBe(true);
    const { send, server } = await senderOf(() => undefined);
    expect(await send(run, undefined)).toBe(false);
    expect(server.emails).toEqual([]);
    expect((await ledger.runs.find(run.runId))?.mailedAt).toBeInstanceOf(Date);
  });

  test('that the server may have taken before it fell silent is not sent again', async () => {
    await ledger.tenants.setContacts('dreambuilder', ['ann@acme.example']);
    const run = await failedRun();
    const { send, server } = await senderOf((line) => (line === 'content' ? 'silence' : undefined));
    expect(await send(run, undefined)).toBe(false);
    const again = await senderOf(() => undefined);
    await again.send(run, undefined);
    expect([...server.emails, ...again.server.emails]).toEqual([]);
  });
});

/** A request that has failed without anybody having been told. */
async function failedRun() {
  const runId = crypto.randomUUID();
  const requestedAt = new Date();
  const order = {
    ...{ tenant: 'dreambuilder', dataset: 'jobs', format: 'csv', parameters: {}, columns: null, compression: 'none' },
    ...{ recipients: [], keepDays: 30, roundsMax: 1 },
    csv: { header: true, delimiter: ',', bom: false, nullText: '', formulaGuard: false },
    window: {
      from: `${YEAR.start_date}T00:00:00.000000Z`,
      to: `${YEAR.end_date}T23:59:59.999999Z`,
      bounds: 'inclusive',
    },
  } as never;
  const named = { runId, workflowId: `w-${runId}`, series: `s-${runId}`, requestedBy: 'dreambuilder' };
  await ledger.requests.submit({ ...named, order, requestedAt, startsAt: null }, requestedAt);
  const failure = { code: 'dataset_broken', message: 'Dataset jobs cannot be read.' } as const;
  await ledger.runs.end(runId, { state: 'failed', failure });
  const run = await ledger.runs.find(runId);
  if (!run) throw new Error('not recorded');
  return run;
}

/** Quoted-printable as text, lines joined. */
function decoded(content: string): string {
  return content
    .replace(/=\r\n/g, '')
    .replace(/(?:=[0-9A-F]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('=', ''), 'hex').toString('utf8'))
    .replaceAll('\r', '');
}
