import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Transitive imports of each route's handler, types included: the files that a reader may have to open. */
const RECORDED: Readonly<Record<string, number>> = {
  createExport: 69,
  listExports: 62,
  showExport: 62,
  watchExport: 59,
  downloadManifest: 79,
  downloadSignature: 79,
  downloadFile: 79,
  downloadNamedFile: 79,
  listFiles: 79,
  removeExport: 62,
  resubmitExport: 69,
  revokeLinks: 62,
  showPeriodic: 70,
  enablePeriodic: 67,
  downloadPeriodic: 78,
  downloadAllPeriodic: 78,
  periodicManifest: 78,
  periodicSignature: 78,
  rotatePeriodic: 67,
  disablePeriodic: 67,
  putWebhook: 55,
  showWebhook: 55,
  removeWebhook: 55,
  testWebhook: 55,
  rotateWebhook: 55,
  listDeliveries: 55,
};
/** If a handler exceeds its number, simplify it or raise the number. */
const GROWTH_MAX = 3;

const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^'";]*?from\s+'(\.{1,2}\/[^']+)'/g;
const MOUNTED = /mount\w*\(\s*app,\s*routes\.(\w+)[^;]*?\b(\w+Handler)\(/g;

const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8');

function importsOf(file: string): readonly string[] {
  return [...textOf(file).matchAll(IMPORT)].map(([, target = '']) => join(dirname(file), target));
}

/** @returns the file itself and all that it imports, directly or not */
function closureOf(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const target of importsOf(file)) closureOf(target, seen);
  return seen;
}

/** @returns the file of the handler of each documented route, by the name of the route */
function handlers(): ReadonlyMap<string, string> {
  const found = globSync('api/*/mount.ts', { cwd: ROOT }).flatMap((file) =>
    [...textOf(file).matchAll(MOUNTED)].map(([, route = '', handler = '']) => {
      const imported = new RegExp(`import [^;]*\\b${handler}\\b[^;]* from '([^']+)'`).exec(textOf(file));
      return [route, join(dirname(file), imported?.[1] ?? `${handler} is not imported`)] as const;
    }),
  );
  return new Map(found);
}

it('no handler of a route needs more files than are recorded for it', () => {
  const files = [...handlers()].map(([route, file]) => [route, closureOf(file).size] as const);
  const table = Object.fromEntries(files);
  console.info(table);
  expect(Object.keys(table).toSorted()).toEqual(Object.keys(RECORDED).toSorted());
  expect(files.filter(([route, count]) => count > (RECORDED[route] ?? 0) + GROWTH_MAX)).toEqual([]);
});
