/** Writes the scripts of the browser to standard output: a JSON object of texts by name. */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

async function bundle(entry: string): Promise<string> {
  const input = fileURLToPath(new URL(entry, import.meta.url));
  await using build = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
  const { output } = await build.generate({ format: 'esm', minify: true, codeSplitting: false });
  const [{ code, imports }] = output;
  if (imports.length > 0) throw new Error(`${entry} imports what browsers do not have: ${imports.join(', ')}`);
  return code;
}

const [page, worker] = await Promise.all([bundle('page.ts'), bundle('worker.ts')]);
process.stdout.write(JSON.stringify({ 'open-file.js': page, 'open-file-worker.js': worker }));
