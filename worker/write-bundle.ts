import { writeBundle } from './bundle.ts';

const [path] = process.argv.slice(2);
if (path === undefined) {
  process.stderr.write('Usage: node worker/write-bundle.ts <file to write, or - for standard output>\n');
  process.exitCode = 2;
} else await writeBundle(path);
