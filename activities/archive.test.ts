import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { type Logger, pino } from 'pino';
import { expect, it } from 'vitest';
import { fromBufferPromise } from 'yauzl';
import { loadCatalog } from '../config/catalog.ts';
import type { RunOrder } from '../contracts/order.ts';
import type { ArchiveOrder } from '../contracts/questionnaires.ts';
import type { StepResult } from '../contracts/steps.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import type { ArchivePasswords } from '../stores/remotes/archive-passwords.ts';
import { createSecretSealer } from '../stores/remotes/sealed-secret.ts';
import { scratchDirectory, useWarehouse } from '../stores/warehouse/warehouse-fixture.ts';
import { readZip } from '../test/archive.ts';
import { createMemoryObjects } from '../test/memory-objects.ts';
import { GUID, SURVEY_CATALOG, surveySql } from '../test/questionnaires-set-up.ts';
import { createArchive } from './archive.ts';
import { createDescribeArchive } from './describe-archive.ts';
import { createPlan } from './plan.ts';
import { createTurns } from './turns.ts';

const { warehouse } = await useWarehouse(surveySql({ interviews: 70, events: 3 }));

const odd = await useWarehouse(
  [
    surveySql({ interviews: 7, events: 1 }),
    "UPDATE survey.household SET remarks = 'no  ' WHERE interview__key < '00-00-00-03'",
    "UPDATE survey.household SET started = TIMESTAMP '1500-01-01' WHERE interview__key = '00-00-00-02'",
  ].join(';\n'),
);
const withZero = await useWarehouse(
  `${surveySql({ interviews: 7, events: 1 })}; UPDATE survey.household SET remarks = 'a' || chr(0) || 'b'`,
);

/** Texts of 80 rows, made when they are read: more than is estimated for so few rows, and within what a plain entry holds. */
const LARGE_BYTES = 1024 * 1024;
const large = await useWarehouse(
  [
    surveySql({ interviews: 80, events: 1 }),
    'ALTER TABLE survey.household RENAME TO small_household',
    `CREATE VIEW survey.household AS SELECT * REPLACE (repeat('x', ${LARGE_BYTES}) AS remarks) FROM survey.small_household`,
  ].join(';\n'),
);
const mislabelled = await useWarehouse(
  `${surveySql({ interviews: 2, events: 1 })}; UPDATE survey.tables SET value_labels = '{"1": "Nord", "n/a": "Unknown"}' WHERE column_name = 'region'`,
);

const ORDER: ArchiveOrder = {
  ...{ tenant: 'acme', bundle: 'questionnaires', questionnaire: GUID, version: 1, type: 'tabular' },
  ...{ status: null, from: null, to: null, recipients: [] },
};
const RUN = { runId: 'e1', workflowId: 'w', kind: 'questionnaire', tenant: 'acme' } as const;

const passwords = createSecretSealer<string>([randomBytes(32)], 'archive');

const PASSWORD = 'correct horse battery';
const SEALED = passwords.seal('acme', PASSWORD);

async function ports(sealed: Buffer | null) {
  const path = join(scratchDirectory(), 'catalog.yaml');
  await writeFile(path, SURVEY_CATALOG);
  return {
    catalog: await loadCatalog(path),
    warehouse,
    ledger: {
      tenants: { find: async () => ({ warehouseKey: null }) },
      archives: { settings: async () => ({ password: sealed }) },
    } as unknown as Ledger,
    archivePasswords: passwords,
    turns: createTurns({ places: 1 }),
    objects: createMemoryObjects(),
    attachments: null,
    attempts: { find: async () => 'counts' as const },
    partRows: 1000,
    logger: pino({ level: 'silent' }),
  };
}

/** Describes and plans an archive. @returns what its attempts need, and an attempt */
async function planArchive(
  order: Partial<ArchiveOrder> = {},
  {
    sealed = null,
    ...own
  }: {
    sealed?: Buffer | null;
    archivePasswords?: ArchivePasswords | null;
    warehouse?: typeof warehouse;
    logger?: Logger;
  } = {},
) {
  const all = { ...(await ports(sealed)), ...own };
  async function runAttempt<Input, Value>(
    attempt: number,
    step: (input: Input) => Promise<StepResult<Value>>,
    input: Input,
  ): Promise<Value> {
    const result: StepResult<Value> = await new MockActivityEnvironment({ attempt }).run(step, input);
    if (result.ok) return result.value;
    throw new Error(JSON.stringify(result.failure));
  }
  const archiveOrder = { ...ORDER, ...order };
  const described = await runAttempt(1, createDescribeArchive(all), { ...RUN, order: archiveOrder });
  const run: RunOrder = {
    ...{ tenant: 'acme', subject: 'questionnaires', recipients: archiveOrder.recipients, roundsMax: 1 },
    ...{ retention: { replaceAfterSeconds: 1 }, ...described },
  };
  const plan = await runAttempt(1, createPlan(all), { ...RUN, order: run });
  const { stored } = all.objects;
  const write = (attempt: number) => runAttempt(attempt, createArchive(all), { ...RUN, order: run, plan, round: 1 });
  return { run, plan, write, stored };
}

/** The same, and writes it in the first attempt. */
async function makeArchive(...[order, own]: Parameters<typeof planArchive>) {
  const { run, plan, write, stored } = await planArchive(order, own);
  const written = await write(1);
  const bytes = Buffer.from(stored.get(`questionnaire/acme/e1/${written.part.name}`) ?? []);
  return { run, plan, written, stored: bytes };
}

it('has one entry a table, its do-files, and a readme', async () => {
  const { written, stored, plan } = await makeArchive();
  const entries = await readZip(stored);
  const tables = ['household', 'members', 'assignment__actions'];
  expect([...entries.keys()]).toEqual([
    ...tables.flatMap((name) => [`${name}.tab`, `${name}.do`, `${name}-import.do`]),
    'export__readme.txt',
  ]);
  expect(written.part).toMatchObject({ rows: 70 + 210 + 20, bytes: stored.length });
  expect(plan.files.map(({ rows }) => rows)).toEqual([70, 210, 20]);
});

it('says in its readme what files of SPSS hold otherwise', async () => {
  const { stored } = await makeArchive({ type: 'spss' }, odd);
  const readme = (await readZip(stored)).get('export__readme.txt')?.toString() ?? '';
  expect(readme).toContain(
    '  household.sav: remarks: 3 values end with blanks, which SPSS takes for padding; they are not in the file.\r\n',
  );
  expect(readme).toContain('  household.sav: started: values are from 1500-01-01 to 2016-06-01. SPSS shows dates from');
});

it('fails an attempt if a table is larger than estimated, and the next attempt uses zip64', async () => {
  const said = Promise.withResolvers<string>();
  const logger = pino({ hooks: { logMethod: ([fields]) => said.resolve(String((fields as { err?: unknown }).err)) } });
  const { write, stored } = await planArchive({}, { ...large, logger });
  await expect(write(1)).rejects.toMatchObject({ type: 'internal', nonRetryable: false });
  expect(await said.promise).toBe('RangeError: a table is larger than was estimated');
  expect([...stored.keys()]).toEqual([]);
  const written = await write(2);
  const archive = Buffer.from(stored.get(`questionnaire/acme/e1/${written.part.name}`) ?? []);
  const zip64: (readonly [string, boolean])[] = [];
  for await (const { fileName, extraFields } of (await fromBufferPromise(archive, { lazyEntries: true })).eachEntry())
    zip64.push([fileName, extraFields.some(({ id }) => id === 1)]);
  expect(zip64.filter(([name]) => /household/.test(name))).toEqual([
    ['household.tab', true],
    ['household.do', false],
    ['household-import.do', false],
  ]);
  const rows = (await readZip(archive)).get('household.tab')?.toString().split('\r\n') ?? [];
  expect(rows.filter((row) => row.length > LARGE_BYTES)).toHaveLength(80);
});

it.each(['tabular', 'spss', 'stata'] as const)('of %s says which labels are left out', async (type) => {
  const extension = { tabular: 'tab', spss: 'sav', stata: 'dta' }[type];
  const { stored } = await makeArchive({ type }, mislabelled);
  expect((await readZip(stored)).get('export__readme.txt')?.toString()).toContain(
    `  household.${extension}: region: "n/a" is no value of the column, so its label is left out: Unknown\r\n`,
  );
});

it.each(['spss', 'stata'] as const)('is refused if a text for %s has a zero byte', async (type) => {
  await expect(makeArchive({ type }, withZero)).rejects.toThrow(
    /not_representable.* remarks has a text with a zero byte/,
  );
});

it('with a password is encrypted, and tells neither that nor hashes of its content', async () => {
  const { written, stored } = await makeArchive({}, { sealed: SEALED });
  expect(written.encryption).toBe('aes-256');
  expect(stored.includes('Label of region')).toBe(false);
  await expect(readZip(stored)).rejects.toThrow(/encrypted/);
  expect(written.members.map(({ sha256 }) => sha256)).toEqual(Array(10).fill(null));
  expect(JSON.stringify(written)).not.toContain(PASSWORD);
});

it.each([
  ['the deployment has no key any more', SEALED, null],
  ['the deployment has another key', SEALED, createSecretSealer<string>([randomBytes(32)], 'archive')],
  ['it was lost with the ledger', Buffer.alloc(0), passwords],
])('is not written if there is a password and %s', async (_, sealed, archivePasswords) => {
  const making = makeArchive({}, { sealed, archivePasswords });
  await expect(making).rejects.toThrow('"code":"dataset_broken","message":"The password of archives can no longer');
});
