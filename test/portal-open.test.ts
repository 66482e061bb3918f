import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, readFile, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { armor, Encrypter } from 'age-encryption';
import * as vectors from 'cctv-age';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { ON_DEMAND } from '../contracts/run.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import { generateKey, type KeyPair, recipientOf } from '../streams/age/keys.ts';
import { CHUNK_BYTES, SEALED_CHUNK_BYTES } from '../streams/age/layout.ts';
import { seal, unseal } from '../streams/age/payload.ts';
import { collect, pieces, sample } from '../streams/stream-fixture.ts';
import { parseVector } from './age-vectors.ts';
import { openWithAge } from './archive.ts';
import { checkPage, launchBrowser, openVisitor, type VisitOptions, type Visitor } from './browser.ts';
import { temporaryFolder } from './cleanup.ts';
import { type OwnServices, openLedger, startOwnServices, useStack } from './context.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { programPath } from './programs.ts';

const run = promisify(execFile);

let portal: OwnServices;
let ledger: Ledger;
let browser: Browser;
let age: string;
let folder: string;
let mine: KeyPair;
let stranger: KeyPair;

beforeAll(async () => {
  [portal, browser, age, folder, mine, stranger] = await Promise.all([
    startOwnServices({ WAYBILL_LOGIN_FAILURES_MAX: '1000' }),
    launchBrowser(),
    programPath('age', useStack().environment),
    temporaryFolder(),
    generateKey({ postQuantum: false }),
    generateKey({ postQuantum: false }),
  ]);
  ledger = openLedger(portal.settings);
});

/** Headless browsers have no dialogs: these choose names in the origin's private file system, which has the same handles. */
const DIALOGS = `
  window.showSaveFilePicker = async ({ suggestedName }) =>
    (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
  window.showDirectoryPicker = () => navigator.storage.getDirectory();
`;
const NO_DIALOGS = `
  Object.defineProperty(window, 'showSaveFilePicker', { value: undefined });
  Object.defineProperty(window, 'showDirectoryPicker', { value: undefined });
`;

interface Reader extends Visitor {
  /** Everything that the browser sent: addresses, headers and bodies. */
  readonly sent: readonly string[];
}

/** Somebody who has logged in and looks at the page. */
async function openReader({
  dialogs = DIALOGS,
  ...options
}: VisitOptions & { readonly dialogs?: string } = {}): Promise<Reader> {
  const visitor = await openVisitor(browser, portal.url, options);
  const sent: string[] = [];
  visitor.context.on('request', (request) => {
    sent.push(`${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ''}`);
  });
  await visitor.page.addInitScript(dialogs);
  await visitor.logIn('dreambuilder');
  return { ...visitor, sent };
}

async function openPage(page: Page, address = '/portal/open-file'): Promise<void> {
  await page.goto(address);
  await page.locator('#open-submit').waitFor();
}

interface Chosen {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

const chosen = (name: string, bytes: Uint8Array | string): Chosen => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: Buffer.from(bytes),
});

/** Opens files with a key, and waits for the answers. @returns title and text of each answer */
async function openFiles(page: Page, files: readonly Chosen[] | string, key: string): Promise<readonly string[]> {
  await page.locator('#sealed').setInputFiles(typeof files === 'string' ? files : [...files]);
  return openWith(page, key);
}

async function openWith(page: Page, key: string): Promise<readonly string[]> {
  await page.locator('#keyfile').setInputFiles(chosen('key.txt', key));
  await page.locator('#open-submit').click();
  await page.locator('#open-submit:not([disabled])').waitFor();
  return page.locator('#open-result .notice, .field .error').allTextContents();
}

/** @returns names and sizes of what was saved */
async function savedNames(page: Page): Promise<readonly string[]> {
  const names = await page.evaluate(`(async () => {
    const names = [];
    for await (const name of (await navigator.storage.getDirectory()).keys()) names.push(name);
    return names;
  })()`);
  return (names as string[]).toSorted();
}

/** Reads a saved file of some megabytes: browsers hold back several downloads in a row. */
async function readSaved(page: Page, name: string): Promise<Buffer> {
  const text = await page.evaluate(`(async () => {
    const folder = await navigator.storage.getDirectory();
    const reader = new FileReader();
    reader.readAsDataURL(await (await folder.getFileHandle(${JSON.stringify(name)})).getFile());
    await new Promise((resolve, reject) => Object.assign(reader, { onload: resolve, onerror: reject }));
    return reader.result;
  })()`);
  return Buffer.from(String(text).split(',')[1] ?? '', 'base64');
}

async function removeSaved(page: Page, name: string): Promise<void> {
  await page.evaluate(`navigator.storage.getDirectory().then((folder) => folder.removeEntry(${JSON.stringify(name)}))`);
}

/** Takes a large saved file out of the browser as a download, and removes it there. @returns its path */
async function takeSaved(page: Page, name: string): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.evaluate(`(async () => {
      const folder = await navigator.storage.getDirectory();
      const link = document.createElement('a');
      link.href = URL.createObjectURL(await (await folder.getFileHandle(${JSON.stringify(name)})).getFile());
      link.download = 'taken';
      link.click();
    })()`),
  ]);
  const path = await download.path();
  await removeSaved(page, name);
  return path;
}

const sha256 = async (path: string) => {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
};
const sealed = (content: Uint8Array, recipient = mine.recipient) =>
  collect(seal(pieces(content, [1 << 20]), [recipient]));
const short = (recipient: string) => `${recipient.slice(0, 7)}…${recipient.slice(-5)}`;

async function orderSealed(
  recipients: readonly string[],
  compression = 'none',
): Promise<{ number: string; id: string }> {
  const client = createOnDemandClient(portal.url, 'dreambuilder');
  const id = await client.order({ exportType: 'USERS', format: 'CSV', compression, recipients, ...ALWAYS });
  await client.ended(id);
  const { number } = (await ledger.runs.find(id)) ?? {};
  return { number: String(number), id };
}

describe('a key that is made in the page', () => {
  test.each([
    ['X25519', 1],
    ['Post-quantum', 2],
  ])('%s: seals an export, which its page downloads and opens', async (kind) => {
    const { page, problems, sent } = await openReader();
    await page.goto('/portal/on-demand');
    await page.getByRole('link', { name: 'make a key' }).click();
    await page.locator('#make-key').waitFor();
    if (kind === 'X25519') await checkPage(page, 'open-file');
    await page.getByText(kind, { exact: true }).click();
    await page.getByRole('button', { name: 'Make a key pair' }).click();
    await page.locator('#made').waitFor();
    expect(await page.evaluate('document.activeElement.id')).toBe('made');
    await checkPage(page, `open-file-key-${kind.toLowerCase()}`);
    const identity = (await page.locator('.secret pre').textContent()) ?? '';
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save key file' }).click(),
    ]);
    const keyFile = await saved.path();
    const key = await readFile(keyFile, 'utf8');
    expect(key).toMatch(/^# created: .*\n# public key: age1.*\nAGE-SECRET-KEY-.*\n$/);
    expect(key).toContain(identity);
    const { stdout } = await run(join(dirname(age), 'age-keygen'), ['-y', keyFile]);
    await page.getByRole('button', { name: 'I have stored the key' }).click();
    expect(await page.content()).not.toContain(identity);

    await page.getByRole('link', { name: 'Order a sealed export' }).click();
    await page.getByLabel('Seal to').waitFor();
    expect(await page.getByLabel('Seal to').inputValue()).toBe(stdout.trim());
    await page.getByLabel('Dataset').selectOption({ label: 'Users' });
    await page.getByText(/^Columns: all/).waitFor();
    await page.getByText('gzip', { exact: true }).click();
    await page.getByRole('button', { name: 'Order export' }).click();
    await page.waitForURL(/#yours$/);
    await expect.poll(() => page.locator('#exports tr').first().locator('.state').textContent()).toBe('Completed');
    await page.locator('#exports a').first().click();
    await page.getByRole('link', { name: 'Open in the browser' }).click();
    await page.locator('#open-submit').waitFor();
    await checkPage(page, `open-export-${kind.toLowerCase()}`);

    expect(await openWith(page, stranger.identity)).toEqual([
      expect.stringContaining(`it is sealed to ${short(stdout.trim())}, yours is ${short(stranger.recipient)}.`),
    ]);
    expect(sent.filter((request) => request.includes('/file '))).toEqual([]);
    if (kind === 'X25519') await checkPage(page, 'open-export-wrong-key');
    const [answer] = await openWith(page, key);
    expect(answer).toMatch(/^users\.csv\.gz is saved.*still compressed/);
    await checkPage(page, `open-export-done-${kind.toLowerCase()}`);

    const [latest] = (await ledger.runs.list('dreambuilder', { kind: ON_DEMAND }, { cursor: null, limit: 1 })).rows;
    const client = createOnDemandClient(portal.url, 'dreambuilder');
    const stored = await client.file(latest?.runId ?? '');
    const content = await readFile(await takeSaved(page, 'users.csv.gz'));
    expect(content.equals(await collect(unseal(pieces(stored, [10_007]), key)))).toBe(true);
    expect(content.equals(await openWithAge(stored, identity))).toBe(true);

    expect(sent.filter((request) => /AGE-SECRET-KEY/i.test(decodeURIComponent(request)))).toEqual([]);
    expect(sent.filter((request) => request.includes(identity.slice(20, 50)))).toEqual([]);
    expect(portal.lines.filter((line) => line.includes(identity.slice(20, 50)))).toEqual([]);
    expect(problems).toEqual([]);
  });
});

test("age's own test vectors open as they say", async () => {
  const { page, problems } = await openReader();
  await openPage(page);
  let opened = 0;
  const all = Object.entries(vectors).map(([name, bytes]) => parseVector(name, bytes));
  // Those of one key are opened together.
  for (const [key, group] of Map.groupBy(all, ({ identity }) => identity || mine.identity)) {
    const files = group.map(({ name, file }) => chosen(`${name}.age`, file));
    // A single file would be asked for by its name; a folder serves any number.
    const answers = await openFiles(
      page,
      [...files, chosen('whole.age', await sealed(sample(3), await recipientOf(key.split('\n')[0] ?? '')))],
      key,
    );
    const kept = new Set(await savedNames(page));
    for (const { name, armored, identity, expect: expected, payload } of group) {
      const answer = answers.find((text) => text.startsWith(`${name}.age was`) || text.startsWith(`${name} is`)) ?? '';
      if (!armored && identity !== '' && expected === 'success') {
        expect(answer, name).toContain(`${name} is saved`);
        const hash = createHash('sha256').update(await readSaved(page, name));
        expect(hash.digest('hex'), name).toBe(payload);
        await removeSaved(page, name);
        opened += 1;
      } else {
        expect(answer, name).toContain('was not opened');
        expect(answer, name).not.toMatch(/unknown error|could not do it/);
        expect(kept.has(name), name).toBe(false);
        if (expected === 'success') expect(answer, name).toContain('age -d');
      }
    }
    await removeSaved(page, 'whole');
  }
  expect(opened).toBeGreaterThan(10);
  expect(problems).toEqual([]);
});

test('several files that the age command sealed are opened into a folder, and replace nothing', async () => {
  const { page, problems } = await openReader();
  await openPage(page);
  const sizes = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3_000_005];
  const contents = new Map(sizes.map((size) => [`file-${size}.csv`, randomBytes(size)] as const));
  const files: Chosen[] = [];
  for (const [name, content] of contents) {
    const path = join(folder, name);
    await writeFile(path, content);
    await run(age, ['--encrypt', '--recipient', mine.recipient, '--output', `${path}.age`, path]);
    files.push(chosen(`${name}.age`, await readFile(`${path}.age`)));
  }
  for (const round of [1, 2]) {
    const answers = await openFiles(page, files, mine.identity);
    expect(answers).toHaveLength(sizes.length);
    if (round === 1) await checkPage(page, 'open-file-several');
  }
  for (const [name, content] of contents) {
    for (const saved of [name, name.replace('.csv', ' (2).csv')]) {
      expect((await readSaved(page, saved)).equals(content), saved).toBe(true);
    }
  }
  expect(problems).toEqual([]);
});

describe('what cannot be opened', () => {
  const content = sample(3 * CHUNK_BYTES + 100);

  test('is told in words, and nothing is saved', async () => {
    const { page, problems } = await openReader();
    await openPage(page);
    const file = await sealed(content);
    const payload = file.length - (3 * SEALED_CHUNK_BYTES + 116);
    const altered = (at: number) => {
      const bytes = Buffer.from(file);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      return bytes;
    };
    const passphrase = new Encrypter();
    passphrase.setPassphrase('correct horse');
    passphrase.setScryptWorkFactor(2);
    const postQuantum = await generateKey({ postQuantum: true });
    const last = mine.identity.slice(-1);
    const mistyped = mine.identity.replace(/.$/, last === 'Q' ? 'P' : 'Q');
    const cases: readonly (readonly [string, Uint8Array | string, string, RegExp])[] = [
      ['the first chunk changed', altered(payload + 5), mine.identity, /altered, cut short or extended/],
      ['the last byte changed', altered(file.length - 1), mine.identity, /altered, cut short or extended/],
      ['cut after a chunk', file.subarray(0, payload + 2 * SEALED_CHUNK_BYTES), mine.identity, /cut short/],
      ['cut in a chunk', file.subarray(0, -50), mine.identity, /altered, cut short/],
      [
        'cut in its tag',
        file.subarray(0, payload + 2 * SEALED_CHUNK_BYTES + 7),
        mine.identity,
        /size that no complete/,
      ],
      ['cut in the header', file.subarray(0, 60), mine.identity, /cut short in its header/],
      ['longer', Buffer.concat([file, randomBytes(40)]), mine.identity, /altered, cut short or extended/],
      ['the header changed', altered(payload - 30), mine.identity, /header of the sealed file is damaged/],
      [
        'another key',
        file,
        stranger.identity,
        new RegExp(`sealed to somebody else, yours is ${short(stranger.recipient)}`),
      ],
      ['a key of another kind', file, postQuantum.identity, /does not open the file/],
      ['a passphrase', await passphrase.encrypt('x'), mine.identity, /passphrase.*age -d/],
      ['armor', armor.encode(file), mine.identity, /armored.*age -d/],
      ['no age file', 'id,name\n', mine.identity, /not an age file/],
      ['an empty file', '', mine.identity, /cut short/],
      ['a recipient for a key', file, mine.recipient, /not an age private key/],
      ['a mistyped key', file, mistyped, /mistyped/],
      ['an empty key file', file, '', /No private key/],
    ];
    for (const [name, bytes, key, message] of cases) {
      const answers = await openFiles(page, [chosen('users.csv.age', bytes)], key);
      expect(answers, name).toEqual([expect.stringMatching(message)]);
      expect(await savedNames(page), name).toEqual([]);
      if (['another key', 'the first chunk changed', 'a mistyped key'].includes(name)) {
        await checkPage(page, `open-file-${name.replaceAll(' ', '-')}`);
      }
      expect(await page.content(), name).not.toContain(mistyped.slice(20, 40));
    }
    // A whole file among damaged ones is opened.
    const answers = await openFiles(
      page,
      [chosen('a.csv.age', altered(payload + 5)), chosen('b.csv.age', file)],
      mine.identity,
    );
    expect(answers).toEqual([
      expect.stringContaining('a.csv.age was not opened'),
      expect.stringContaining('b.csv is saved'),
    ]);
    expect(await savedNames(page)).toEqual(['b.csv']);
    expect(problems).toEqual([]);
  });

  test('is a form that is not filled in', async () => {
    const { page, problems } = await openReader();
    await openPage(page);
    await page.locator('#open-submit').click();
    await page.locator('#keyfile-error').waitFor();
    expect(await page.locator('.field .error').allTextContents()).toEqual([
      'Choose the sealed file: its name ends in .age',
      'Choose your key file, or paste the key',
    ]);
    expect(await page.evaluate('document.activeElement.id')).toBe('sealed');
    await checkPage(page, 'open-file-empty-form');
    await page.locator('#sealed').setInputFiles(chosen('a.csv.age', await sealed(content)));
    await page.getByText('Paste the key instead').click();
    await page.getByLabel('Private key').fill(`# mine\n${mine.identity}\n`);
    await page.locator('#open-submit').click();
    await page.getByText('a.csv is saved').waitFor();
    expect(problems).toEqual([]);
  });
});

describe('a file larger than the memory it may take', () => {
  const BYTES = 400_000_000;
  /** More than the worker needs for its buffers and the garbage between two collections. */
  const GROWTH_MAX = 200_000_000;
  let path: string;
  let hash: string;

  beforeAll(async () => {
    path = join(folder, 'large.csv.age');
    const hashing = createHash('sha256');
    const block = randomBytes(1_000_000);
    async function* content() {
      for (let at = 0; at < BYTES; at += block.length) {
        block.writeUInt32LE(at, 0);
        hashing.update(block);
        yield block;
      }
    }
    await pipeline(seal(content(), [mine.recipient]), createWriteStream(path));
    hash = hashing.digest('hex');
  });

  test('is opened to disk in bounded memory, and cancelled without leaving anything', async () => {
    const { page, problems } = await openReader();
    await openPage(page);
    await openFiles(page, [chosen('warm.age', await sealed(sample(5_000_000)))], mine.identity);
    await takeSaved(page, 'warm');
    const memory = await watchMemory();
    const begun = performance.now();
    const answers = await openFiles(page, path, mine.identity);
    const seconds = (performance.now() - begun) / 1000;
    const grown = await memory.stop();
    const stock = await secondsOfAge();
    const rate = (took: number) => Math.round(BYTES / 1e6 / took);
    console.info(`page ${rate(seconds)} MB/s, age ${rate(stock)} MB/s, ${Math.round(grown / 1e6)} MB more memory`);
    expect(answers).toEqual([expect.stringContaining('large.csv is saved')]);
    expect(grown).toBeLessThan(GROWTH_MAX);
    expect(await sha256(await takeSaved(page, 'large.csv'))).toBe(hash);

    await page.locator('#sealed').setInputFiles(path);
    await page.locator('#open-submit').click();
    await page.locator('progress').waitFor();
    await expect.poll(() => page.locator('progress').getAttribute('value')).not.toBe('0');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Cancelled. Nothing of it was saved.').waitFor();
    expect(await savedNames(page)).toEqual([]);
    await checkPage(page, 'open-file-cancelled');
    expect(problems).toEqual([]);
  });

  test('that was changed near its end is not saved at all', async () => {
    const damaged = join(folder, 'damaged.csv.age');
    await pipeline(createReadStream(path), createWriteStream(damaged));
    const file = await open(damaged, 'r+');
    await file.write(randomBytes(16), 0, 16, 399_000_000);
    await file.close();
    const { page, problems } = await openReader();
    await openPage(page);
    expect(await openFiles(page, damaged, mine.identity)).toEqual([
      expect.stringMatching(/altered.*Nothing of it was saved/),
    ]);
    expect(await savedNames(page)).toEqual([]);
    expect(problems).toEqual([]);
  });

  /** @returns how long the program `age` takes for the same file, to disk as well */
  async function secondsOfAge(): Promise<number> {
    const key = join(folder, 'age-key.txt');
    await writeFile(key, `${mine.identity}\n`);
    const begun = performance.now();
    await run(age, ['--decrypt', '--identity', key, '--output', join(folder, 'large.csv'), path]);
    return (performance.now() - begun) / 1000;
  }

  /** Watches the resident memory of all processes that run pages, by the operating system's count. */
  async function watchMemory(): Promise<{ stop: () => Promise<number> }> {
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as {
      processInfo: { type: string; id: number }[];
    };
    const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
    const total = async () => {
      let bytes = 0;
      for (const id of renderers) {
        const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
        bytes += Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
      }
      return bytes;
    };
    const before = await total();
    let most = before;
    let isOver = false;
    const watching = (async () => {
      while (!isOver) {
        most = Math.max(most, await total());
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    return {
      async stop() {
        isOver = true;
        await watching;
        return most - before;
      },
    };
  }
});

describe('a browser that cannot write to disk', () => {
  test('saves from memory, and says beforehand what does not fit', async () => {
    const { page, problems } = await openReader({ dialogs: NO_DIALOGS });
    await openPage(page);
    expect(await page.locator('#browser-can').textContent()).toContain('Saves from memory');
    await checkPage(page, 'open-file-from-memory');
    const content = randomBytes(3_000_000);
    const [download, answers] = await Promise.all([
      page.waitForEvent('download'),
      openFiles(page, [chosen('users.csv.zst.age', await sealed(content))], mine.identity),
    ]);
    expect(download.suggestedFilename()).toBe('users.csv.zst');
    expect((await readFile(await download.path())).equals(content)).toBe(true);
    expect(answers).toEqual([expect.stringContaining('still compressed')]);

    const huge = join(folder, 'huge.csv.age');
    await writeFile(huge, await sealed(content));
    await truncate(huge, 2_000_000_001);
    expect(await openFiles(page, huge, mine.identity)).toEqual([
      expect.stringMatching(/from memory, up to 2 GB.*npx waybill open/),
    ]);
    expect(problems).toEqual([]);
  });

  test('without scripts is told what to do instead', async () => {
    const { page } = await openReader({ javaScript: false });
    const { number } = await orderSealed([mine.recipient]);
    await page.goto('/portal/open-file');
    // Playwright finds no text within noscript.
    await page.locator('pre', { hasText: 'npx waybill keygen -o key.txt' }).waitFor();
    expect(await page.locator('form:visible').count()).toBe(1);
    await page.goto(`/portal/open-file?export=${number}`);
    await page.locator('pre', { hasText: 'npx waybill open users.csv.age --key-file key.txt' }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'users.csv.age' }).click(),
    ]);
    expect((await openWithAge(await readFile(await download.path()), mine.identity)).length).toBeGreaterThan(100);
    await page.goto('/portal/open-file');
    await checkPicture(page);
  });
});

async function checkPicture(page: Page): Promise<void> {
  const directory = process.env.WAYBILL_SCREENSHOTS;
  if (directory) await page.screenshot({ path: join(directory, 'open-file-without-script.png'), fullPage: true });
}

test('an export of another tenant, one that is not sealed and none at all are not opened', async () => {
  const { number } = await orderSealed([mine.recipient]);
  const unsealed = await orderSealed([]);
  const { page, problems } = await openReader();
  await page.goto(`/portal/open-file?export=${unsealed.number}`);
  await page.getByText(`Export ${unsealed.number} is not sealed`).waitFor();
  for (const wrong of ['99999999', 'x', `${number}0000000000000000`]) {
    expect((await page.goto(`/portal/open-file?export=${wrong}`))?.status(), wrong).toBe(404);
  }
  const other = await openVisitor(browser, portal.url);
  await other.logIn('acme');
  const answer = await other.page.goto(`/portal/open-file?export=${number}`);
  expect(answer?.status()).toBe(404);
  expect(problems).toEqual([]);
});

describe('a manifest', () => {
  test('is verified with its signature and its files; a changed byte is found', async () => {
    const { page, problems } = await openReader();
    const { id } = await orderSealed([mine.recipient], 'gzip');
    await openPage(page);
    const fetched = async (end: string) => {
      const response = await page.request.get(`/portal/on-demand/${id}/${end}`);
      expect(response.status()).toBe(200);
      const name = /filename="([^"]+)"/.exec(response.headers()['content-disposition'] ?? '')?.[1] ?? '';
      return chosen(name, await response.body());
    };
    const [manifest, signature, file] = [await fetched('manifest'), await fetched('signature'), await fetched('file')];
    const changed = Buffer.from(file.buffer);
    const at = Math.floor(changed.length / 2);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    const forged = manifest.buffer.toString('utf8').replace(/"rows": ?\d+/, '"rows":1');
    expect(forged).not.toBe(manifest.buffer.toString('utf8'));
    const other = JSON.parse(signature.buffer.toString('utf8'));
    other.signatures[0].sig = randomBytes(64).toString('base64');

    const cases: readonly (readonly [string, readonly Chosen[], string, readonly RegExp[]])[] = [
      [
        'whole',
        [manifest, signature, file],
        'Every byte is as it was signed',
        [/SignatureValidEd25519/, /users\.csv\.gz\.ageUnchanged/],
      ],
      ['signature alone', [signature, file], 'Every byte is as it was signed', [/Valid/, /Unchanged/]],
      [
        'renamed by the browser',
        [manifest, signature, { ...file, name: 'users (1).csv.gz.age' }],
        'Every byte is as it was signed',
        [/Unchanged/],
      ],
      ['unsigned', [manifest, file], 'Not everything could be checked', [/SignatureNot checked/, /Unchanged/]],
      [
        'a changed byte',
        [manifest, signature, chosen(file.name, changed)],
        'Not as it was written',
        [/Changed.*Another SHA-256/],
      ],
      [
        'a cut file',
        [manifest, signature, chosen(file.name, file.buffer.subarray(0, -1))],
        'Not as it was written',
        [/Too short/],
      ],
      [
        'a longer file',
        [manifest, signature, chosen(file.name, Buffer.concat([file.buffer, changed]))],
        'Not as it was written',
        [/Too long/],
      ],
      [
        'a forged manifest',
        [chosen(manifest.name, forged), signature, file],
        'Not as it was written',
        [/SignatureNot valid.*not the one that was signed/],
      ],
      [
        'a forged signature',
        [manifest, chosen(signature.name, JSON.stringify(other)), file],
        'Not as it was written',
        [/SignatureNot valid.*not signed by any/],
      ],
      [
        'a broken signature',
        [manifest, chosen(signature.name, '{'), file],
        'Not as it was written',
        [/SignatureNot readable/],
      ],
      ['the manifest alone', [manifest, signature], 'The manifest is genuine', [/Valid/]],
      [
        'another file',
        [manifest, signature, chosen('other.csv', 'x')],
        'Not everything could be checked',
        [/other\.csvNot listed/],
      ],
      ['no manifest', [file], 'Add the manifest of the files', []],
      ['no manifest of ours', [chosen('manifest.json', '{}')], 'That is not a manifest of Waybill', [/Not readable/]],
    ];
    for (const [name, files, title, rows] of cases) {
      await page.locator('#mani').setInputFiles([...files]);
      await page.locator('#verify-result h3').waitFor();
      expect(await page.locator('#verify-result h3').textContent(), name).toBe(title);
      const told = await page.locator('#verify-table tbody tr').allTextContents();
      for (const row of rows)
        expect(
          told.some((text) => row.test(text)),
          `${name}: ${told.join(' | ')}`,
        ).toBe(true);
      if (['whole', 'a changed byte', 'the manifest alone'].includes(name))
        await checkPage(page, `verify-${name.replaceAll(' ', '-')}`);
      await page.getByRole('button', { name: 'Start again' }).click();
    }

    // What was dropped before counts, and a wrong key names the recipients that the manifest has.
    await page.locator('#mani').setInputFiles(manifest);
    await page.getByRole('heading', { name: 'No file was compared yet' }).waitFor();
    await page.locator('#mani').setInputFiles([signature, file]);
    await page.getByRole('heading', { name: 'Every byte is as it was signed' }).waitFor();
    expect(await openFiles(page, [file], stranger.identity)).toEqual([
      expect.stringContaining(`it is sealed to ${short(mine.recipient)}, yours is ${short(stranger.recipient)}.`),
    ]);
    // The opened file, still compressed, cannot be compared; it is said so.
    await openFiles(page, [file], mine.identity);
    const opened = chosen('users.csv.gz', await buffer(createReadStream(await takeSaved(page, 'users.csv.gz'))));
    await page.getByRole('button', { name: 'Start again' }).click();
    await page.locator('#mani').setInputFiles([manifest, signature, opened]);
    await page.getByText(/Add users\.csv\.gz\.age instead/).waitFor();
    expect(problems).toEqual([]);
  });
});
