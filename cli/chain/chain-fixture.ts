import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { piecePath } from '../../contracts/destination.ts';
import { type Instant, instantFromDate } from '../../contracts/instant.ts';
import { describeManifest, type FileContents, type Manifest } from '../../contracts/manifest.ts';
import { CSV_DEFAULTS } from '../../contracts/order.ts';
import type { Day } from '../../contracts/recurrence.ts';
import { csvPieces } from '../../streams/csv-pieces.ts';

/** For tests: a directory of recurring exports, written as a gateway serves it. */
export function temporaryTree(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'waybill-chain-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export type Cell = string | null;

/** What a day delivers of an entity. */
export interface DeliveredEntity {
  readonly entity: string;
  readonly load: 'complete' | 'delta';
  /** Hours since the beginning of 2026; `null`: the first row. */
  readonly from: number | null;
  readonly to: number;
  /** Types by name; the first column is the key. */
  readonly columns: Readonly<Record<string, string>>;
  readonly rows: readonly (readonly Cell[])[];
  /** @default no file */
  readonly deleted?: readonly Cell[];
}

const START = Date.UTC(2026, 0, 1);

export function at(hours: number): Instant {
  return instantFromDate(new Date(START + hours * 3_600_000));
}

/** @param number counts from 0 */
export function dayAt(number: number): Day {
  return at(number * 24).slice(0, 10);
}

/** Writes days and links them as the server does. */
export function createTreeWriter(root: string, tenant = 'acme') {
  const hashes = new Map<Day, readonly string[]>();
  let clock = 0;
  return {
    /** Delivers a day; once more replaces it. @returns its directory */
    deliver(day: Day, entities: readonly DeliveredEntity[], missing: readonly string[] = []): string {
      const directory = join(root, ...day.split('-'));
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory, { recursive: true });
      const files = entities.flatMap((entity) => writeEntity(directory, entity));
      const replaces = hashes.get(day) ?? [];
      const before = [...hashes.keys()].filter((other) => other < day).sort();
      const previous = hashes.get(before.at(-1) ?? '')?.[0] ?? null;
      clock += 1;
      const createdAt = at(10_000 + clock);
      const manifest = describeManifest(
        {
          ...{ kind: 'recurring', runId: randomUUID(), workflowId: `recurring-export|tenantKey:${tenant}`, tenant },
          ...{ snapshotAt: createdAt, recipients: [], createdAt, expiresAt: null },
          delivery: {
            ...{ day, previous, replaces: [...replaces] },
            missing: missing.map((dataset) => ({ dataset, code: 'dataset_broken', message: 'It failed.' })),
          },
        },
        files,
      );
      hashes.set(day, [writeManifest(directory, manifest), ...replaces]);
      return directory;
    },
  };
}

/** @returns its hash */
export function writeManifest(directory: string, manifest: Manifest): string {
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  writeFileSync(join(directory, 'manifest.json'), text);
  return sha256(text);
}

function writeEntity(directory: string, delivered: DeliveredEntity): readonly FileContents[] {
  const { entity, load, from, to, columns, rows, deleted } = delivered;
  mkdirSync(join(directory, entity));
  const names = Object.keys(columns);
  const key = names.slice(0, 1);
  const base = {
    ...{ dataset: entity, parameters: {}, load, key },
    ...{ format: 'csv' as const, csv: CSV_DEFAULTS, compression: 'none' as const },
    window: { from: from === null ? null : at(from), to: at(to), bounds: 'half-open' as const },
  };
  const described = (wanted: readonly string[]) =>
    wanted.map((name) => ({ name, header: name, type: columns[name] ?? 'text' }));
  const write = (name: string, lines: readonly (readonly Cell[])[]) => {
    const file = `${name}.csv`;
    const text = lines.map((line) => `${line.map(field).join(',')}\n`).join('');
    writeFileSync(join(directory, entity, file), text);
    writeFileSync(join(directory, entity, `${file}.sha256`), `${sha256(text)}  ${file}\n`);
    const bytes = Buffer.byteLength(text);
    const hash = sha256(text);
    const part = { name: `${name}-00000-a1.csv`, rows: lines.length - 1, bytes, sha256: hash };
    return { name, file, sha256: hash, parts: [{ ...part, contentBytes: bytes, contentSha256: hash }] };
  };
  const main = { ...base, ...write(entity, [names, ...rows]), columns: described(names) };
  if (!deleted) return [main];
  const keys = write(`${entity}.deleted`, [key, ...deleted.map((value) => [value])]);
  return [main, { ...base, ...keys, columns: described(key), rowsWanted: 'deleted' as const }];
}

/** Splits a file of a day as a push does. @returns paths of the pieces */
export async function splitFile(path: string, rowsPerFile: number): Promise<readonly string[]> {
  const whole = readFileSync(path);
  for (const old of [path, `${path}.sha256`]) rmSync(old);
  const paths: string[] = [];
  for await (const piece of csvPieces(Readable.from([whole]), rowsPerFile)) {
    const target = piecePath(path.replace(/\.csv$/, ''), '.csv', paths.length);
    const text = (await Array.fromAsync(piece)).map((chunk) => Buffer.from(chunk).toString()).join('');
    writeFileSync(target, text);
    writeFileSync(`${target}.sha256`, `${sha256(text)}  ${basename(target)}\n`);
    paths.push(target);
  }
  return paths;
}

/** As the warehouse writes it: NULL is nothing, and an empty text is quoted. */
export function field(value: Cell): string {
  if (value === null) return '';
  return value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
