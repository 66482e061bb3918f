import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { execa } from 'execa';
import { z } from 'zod';
import { PUBLIC_KEYS_PATH } from '../contracts/envelope.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { places, showLine } from './console.ts';
import { addChangingTable, showRecurring } from './demo-recurring.ts';
import { prepareWarehouse } from './samples.ts';
import { readStackSettings } from './settings.ts';
import { startStack } from './stack.ts';

const HELP = `Shows Waybill at work: starts the local stack, exports three million rows sealed to a key made on the spot,
cancels a second export half way, opens and verifies the first, then delivers a complete load and a delta over SFTP, and ends.

  npm run demo
`;

const CLI = fileURLToPath(new URL('../cli/waybill.mjs', import.meta.url));

/** The demo's credential and window: all sample flights. */
const CLIENT_ID = 'dreambuilder';
const SECRET = 'dreambuilder-demo-secret';
const WINDOW = ['--from', '2001-01-01', '--to', '2001-12-31T23:59:59.999999Z'];

/** The second export is cancelled once this much of it is done; the command takes a moment to get there. */
const CANCEL_AT_PERCENT = 1;
/** Takes a few seconds, so that there is something to cancel. */
const LONG_ORDER = ['export', 'FLIGHTS', ...WINDOW, '--format', 'jsonl', '--compression', 'gzip', '--json'];
const ROWS_SHOWN = 5;
const KEYS_FILE = 'waybill-keys.json';

const shownExport = z.object({ exportId: z.string(), state: z.string(), progress: z.object({ percent: z.number() }) });
const endedExport = z.object({ exportId: z.string(), downloadUrl: z.string().nullable() });

async function main(): Promise<void> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  const { ports, dataDirectory, sampleScale } = readStackSettings(process.env);
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => interrupted.abort(new Error('Interrupted.')));
  }
  const say = (line: string) => process.stdout.write(`${showLine('stack', line)}\n`);
  heading('Starting the local stack');
  const folder = join(dataDirectory, 'demo');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const sample = await prepareWarehouse({
    directory: join(dataDirectory, 'warehouse'),
    scale: sampleScale,
    report: say,
  });
  // Days that an earlier demo has delivered stay, so each has a tenant of its own.
  const tenant = { key: `demo-${Date.now().toString(36)}`, secret: randomBytes(18).toString('base64url') };
  const table = await addChangingTable(sample, folder, tenant.key);
  const stack = await startStack({
    ...{ ports, dataDirectory, sampleScale },
    environment: process.env,
    settings: { ...table.settings, WAYBILL_LOG_LEVEL: 'warn' },
    signal: interrupted.signal,
    report: say,
    line: () => undefined,
    crashed: (name, how) => say(`${name} ${how}`),
  });
  try {
    const stage = {
      folder,
      url: stack.urls.api,
      temporalUrl: `${stack.urls.temporalUi}/namespaces/${stack.settings.WAYBILL_TEMPORAL_NAMESPACE}/workflows`,
      signal: interrupted.signal,
    };
    await show({ ...stage, clientId: CLIENT_ID, secret: SECRET });
    await addTenant(stack.settings.WAYBILL_LEDGER_URL, tenant);
    const own = { ...stage, clientId: tenant.key, secret: tenant.secret };
    await showRecurring({
      ...{ table, tenant: tenant.key, sftpPort: stack.ports.sftp, heading, signal: stage.signal },
      directory: relative(process.cwd(), folder),
      keysFile: relative(process.cwd(), join(folder, KEYS_FILE)),
      waybill: (words) => waybill(own, words),
      call: (path, body) => post(own, path, body),
    });
    heading('The demo ends its servers now; `npm start` keeps them running, and has this to offer');
    process.stdout.write(places(stack));
  } finally {
    await stack.stop();
  }
}

interface Stage {
  /** Where the demo's files go. */
  readonly folder: string;
  readonly url: string;
  readonly temporalUrl: string;
  readonly signal: AbortSignal;
  readonly clientId: string;
  readonly secret: string;
}

async function show(stage: Stage): Promise<void> {
  const here = (name: string) => relative(process.cwd(), join(stage.folder, name));
  const [keyFile, publicKeys] = [here('key.txt'), here(KEYS_FILE)];
  const [sealed, opened] = [here('flights.csv.zst.age'), here('flights.csv')];

  heading('Make a key: the private half stays in this file, Waybill gets only the recipient');
  const recipient = (await waybill(stage, ['keygen', '-o', keyFile], 'capture')).trim();
  process.stdout.write(`${recipient}\n`);

  heading('Export all three million flights: CSV, zstd, sealed; download what is stored');
  const order = ['export', 'FLIGHTS', ...WINDOW, '--compression', 'zstd', '--seal', recipient];
  await waybill(stage, [...order, '--save-manifest', '-o', sealed]);

  heading('Order a second one and cancel it half way');
  const other = shownExport.parse(JSON.parse(await waybill(stage, LONG_ORDER, 'capture')));
  await untilPercent(stage, other.exportId, CANCEL_AT_PERCENT);
  // If the export completes before the command cancels it, the exit code is 1.
  await waybill(stage, ['exports', 'cancel', other.exportId], 'show', [0, 1]);

  heading('Open the first one with the key, without the server');
  await waybill(stage, ['open', sealed, '--key-file', keyFile, '--decompress', '-o', opened]);
  await printFirstLines(opened, ROWS_SHOWN + 1);

  heading('Verify it against its manifest: signature, rows, bytes and hashes');
  const keys = await fetch(new URL(PUBLIC_KEYS_PATH, stage.url), { signal: stage.signal });
  await writeFile(publicKeys, await keys.text());
  await waybill(stage, ['verify', `${sealed}.manifest.json`, '--key-file', keyFile, '--keys', publicKeys]);

  heading('What ran');
  await waybill(stage, ['exports', 'list', '--limit', '2']);
  const manifest = z
    .object({ runId: z.string(), workflowId: z.string() })
    .parse(JSON.parse(await readFile(`${sealed}.manifest.json`, 'utf8')));
  const { downloadUrl } = endedExport.parse(
    JSON.parse(await waybill(stage, ['exports', 'show', manifest.runId, '--json'], 'capture')),
  );
  const run = `${stage.temporalUrl}/${encodeURIComponent(manifest.workflowId)}/${manifest.runId}/history`;
  process.stdout.write(`\nTemporal UI    ${run}\nDownload link  ${downloadUrl ?? 'none'}\n`);
}

function heading(text: string): void {
  process.stdout.write(`\n${styleText('bold', `— ${text}`)}\n`);
}

/**
 * Runs the command line as a user would.
 *
 * @param codes accepted exit codes
 * @returns its output, if captured
 * @throws Error when it fails
 */
async function waybill(
  stage: Stage,
  words: readonly string[],
  output: 'show' | 'capture' = 'show',
  codes: readonly number[] = [0],
): Promise<string> {
  if (output === 'show') {
    process.stdout.write(`${styleText('dim', `$ npx waybill ${words.join(' ')}`)}\n`);
  }
  const { exitCode, stdout } = await execa(process.execPath, [CLI, ...words], {
    stdin: 'ignore',
    stdout: output === 'show' ? 'inherit' : 'pipe',
    stderr: 'inherit',
    reject: false,
    cancelSignal: stage.signal,
    env: {
      WAYBILL_URL: stage.url,
      WAYBILL_CLIENT_ID: stage.clientId,
      WAYBILL_CLIENT_SECRET: stage.secret,
      WAYBILL_CLIENT_SECRET_FILE: '',
    },
  });
  stage.signal.throwIfAborted();
  if (exitCode === undefined || !codes.includes(exitCode)) {
    throw new Error(`waybill ${words[0]} ended with code ${exitCode}.`);
  }
  return stdout ?? '';
}

async function addTenant(
  url: string,
  { key, secret }: { readonly key: string; readonly secret: string },
): Promise<void> {
  const ledger = createLedger({ url, connectionsMax: 1 });
  try {
    await ledger.tenants.add({ key, title: 'Demo' });
    await ledger.credentials.add({ tenant: key, clientId: key, scopes: ['read', 'write'], secret });
  } finally {
    await ledger.close();
  }
}

function authorizationOf({ clientId, secret }: Stage): string {
  return `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
}

/** Calls the API as a user's program would. @throws Error unless it succeeds */
async function post(stage: Stage, path: string, body: object): Promise<void> {
  const { url, signal } = stage;
  const headers = { authorization: authorizationOf(stage), 'content-type': 'application/json' };
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body), signal });
  if (!answer.ok) throw new Error(`POST ${path} answered ${answer.status}: ${await answer.text()}`);
}

/** Follows the export's events until it has reached the percentage or ended. */
async function untilPercent(stage: Stage, exportId: string, percent: number): Promise<void> {
  const answer = await fetch(`${stage.url}/exports/${exportId}/events`, {
    headers: { authorization: authorizationOf(stage) },
    signal: stage.signal,
  });
  if (!answer.ok || !answer.body) throw new Error(`The events of the export answered ${answer.status}.`);
  for await (const line of createInterface({ input: Readable.fromWeb(answer.body) })) {
    if (!line.startsWith('data:')) continue;
    const seen = shownExport.parse(JSON.parse(line.slice('data:'.length)));
    if (seen.progress.percent >= percent || !['pending', 'running'].includes(seen.state)) return;
  }
}

async function printFirstLines(file: string, count: number): Promise<void> {
  await using handle = await open(file);
  let shown = 0;
  for await (const line of handle.readLines()) {
    process.stdout.write(`${line}\n`);
    shown += 1;
    if (shown === count) break;
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
