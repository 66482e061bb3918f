import { appendFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** Name of the demo's entity. */
const NOTES = 'notes';

const CATALOG = `datasets:
  - name: ${NOTES}
    title: Notes
    doors: [recurring]
    sql: FROM ${NOTES}
    tenant_column: tenant
    modified_column: changed_at
    deleted_column: deleted
    key: [id]
    columns: [id: integer, note: text, changed_at: timestamp]
`;

/** A table that changes while the demo runs. */
interface ChangingTable {
  /** Settings on top of the sample's. */
  readonly settings: Readonly<Record<string, string>>;
  /** Writes rows: an id, a text, and whether it is deleted; other rows keep their place. */
  write(rows: readonly (readonly [id: number, note: string, deleted?: true])[]): Promise<void>;
}

/**
 * Adds the table to the sample warehouse and to a copy of its catalog.
 *
 * @param sample settings that attach the sample
 * @param directory of the demo
 */
export async function addChangingTable(
  sample: Readonly<Record<'WAYBILL_CATALOG' | 'WAYBILL_WAREHOUSE_SQL' | 'WAYBILL_WAREHOUSE_DIRECTORIES', string>>,
  directory: string,
  tenant: string,
): Promise<ChangingTable> {
  const [catalog, tables] = [join(directory, 'catalog'), join(directory, 'tables')];
  await mkdir(tables, { recursive: true });
  await cp(sample.WAYBILL_CATALOG, catalog, { recursive: true });
  await writeFile(join(catalog, 'demo.yaml'), CATALOG);
  const file = join(tables, 'notes.csv');
  const types = "{tenant: 'VARCHAR', id: 'BIGINT', note: 'VARCHAR', changed_at: 'TIMESTAMP', deleted: 'BOOLEAN'}";
  await writeFile(file, 'tenant,id,note,changed_at,deleted\n');
  // The last line of an id is its row.
  const view = `CREATE VIEW ${NOTES} AS SELECT * EXCLUDE (line) FROM
    (SELECT *, row_number() OVER () AS line FROM read_csv('${file}', header = true, columns = ${types}))
    QUALIFY row_number() OVER (PARTITION BY tenant, id ORDER BY line DESC) = 1`;
  return {
    settings: {
      WAYBILL_CATALOG: catalog,
      WAYBILL_WAREHOUSE_SQL: `${sample.WAYBILL_WAREHOUSE_SQL};\n${view}`,
      WAYBILL_WAREHOUSE_DIRECTORIES: `${sample.WAYBILL_WAREHOUSE_DIRECTORIES},${tables}`,
      WAYBILL_RECURRING_SETTLING_SECONDS: '0',
    },
    async write(rows) {
      const at = new Date().toISOString().replace('Z', '');
      const lines = rows.map(([id, note, deleted = false]) => `${tenant},${id},${note},${at},${deleted}\n`);
      await appendFile(file, lines.join(''));
    },
  };
}

interface Scene {
  /** Of the demo's files, relative to the working directory. */
  readonly directory: string;
  readonly table: ChangingTable;
  readonly tenant: string;
  readonly sftpPort: number;
  readonly keysFile: string;
  readonly heading: (text: string) => void;
  readonly waybill: (words: readonly string[]) => Promise<unknown>;
  readonly call: (path: string, body: object) => Promise<void>;
  readonly signal: AbortSignal;
}

/** A complete load and a delta arrive over SFTP, are checked as a chain, and are composed to the current state. */
export async function showRecurring(scene: Scene): Promise<void> {
  const { directory, table, tenant, sftpPort, keysFile, heading, waybill, call, signal } = scene;
  const here = (name: string) => join(directory, name);
  const key = here('sftp-key');
  if (!(await isInstalled('sftp'))) {
    heading('Recurring exports are not shown: OpenSSH, whose sftp would fetch the files, is not installed');
    return;
  }
  heading('Register an entity for recurring exports; its first run delivers all of it, over SFTP');
  await table.write([
    [1, 'buy milk'],
    [2, 'call Ann'],
    [3, 'water the plants'],
  ]);
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key], { cancelSignal: signal });
  await call('/export/sftp-keys', { publicKey: (await readFile(`${key}.pub`, 'utf8')).trim() });
  const fetchAll = async () => {
    const words = ['-q', '-r', '-P', String(sftpPort), '-i', key, '-o', 'StrictHostKeyChecking=accept-new'];
    const target = [`${tenant}@127.0.0.1:/exports`, directory];
    process.stdout.write(`$ sftp ${[...words.slice(0, 6), ...target].join(' ')}\n`);
    const hosts = ['-o', `UserKnownHostsFile=${here('known-hosts')}`, '-o', 'IdentitiesOnly=yes'];
    await execa('sftp', [...words, ...hosts, ...target], { cancelSignal: signal, stdin: 'ignore' });
    await printFiles(here('exports'));
  };
  // Where it is yesterday, and then where it is tomorrow, so that both runs deliver a day of their own.
  await waybill(['recurring', 'register', '--entities', NOTES, '--time-zone', 'Pacific/Niue']);
  await waybill(['recurring', 'run', '--wait']);
  await fetchAll();

  heading('A note is added, one is changed, one is deleted; on the next day (in another time zone) only these arrive');
  await table.write([
    [4, 'send the report'],
    [2, 'call Ann back'],
    [3, 'water the plants', true],
  ]);
  await waybill(['recurring', 'register', '--entities', NOTES, '--time-zone', 'Pacific/Kiritimati']);
  await waybill(['recurring', 'run', '--wait']);
  await fetchAll();

  heading('Verify that nothing is missing, and compose the current state');
  await waybill(['verify', '--chain', here('exports'), '--keys', keysFile]);
  await waybill(['compose', here('exports'), '-o', here('notes.csv')]);
  process.stdout.write(await readFile(here('notes.csv'), 'utf8'));
}

async function isInstalled(program: string): Promise<boolean> {
  const { code } = await execa(program, ['-h'], { reject: false, stdin: 'ignore' });
  return code !== 'ENOENT';
}

/** Prints the paths of the CSV files and their content. */
async function printFiles(directory: string): Promise<void> {
  const files = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.csv'));
  for (const name of files.sort().slice(-2)) {
    process.stdout.write(`\nexports/${name}\n`);
    process.stdout.write((await readFile(join(directory, name), 'utf8')).replace(/^/gm, '  ').trimEnd());
    process.stdout.write('\n');
  }
}
