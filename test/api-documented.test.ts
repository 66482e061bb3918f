import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAILURES } from '../contracts/failures.ts';
import { useStack } from './context.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = await readFile(join(root, 'docs/on-demand.md'), 'utf8');
const blocks = [...page.matchAll(/^```bash\n(.*?)^```$/gms)].map((match) => match[1] ?? '');

/** Stands before the output of each block. */
const MARK = '----- block';

/**
 * `npx` would need the repository as its working directory. Without `pipefail`: `head` ends before what feeds it, which
 * may then die of its pipe.
 */
const PRELUDE = `set -eu
npx() { node "${root}/cli/\${1}.mjs" "\${@:2}"; }
`;

describe('docs/on-demand.md', () => {
  const { urls, environment } = useStack();
  let directory: string;
  let outputs: readonly string[];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waybill-documented-'));
    const script = blocks.map((block) => `echo "${MARK}"\n${block}`).join('\n');
    const { stdout } = await promisify(execFile)(
      'bash',
      ['-c', PRELUDE + script.replace('http://127.0.0.1:8080', urls.api)],
      { cwd: directory, env: environment, maxBuffer: 64 * 1024 * 1024 },
    );
    outputs = stdout.split(`${MARK}\n`).slice(1);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const outputOf = (line: string) => outputs[blocks.findIndex((block) => block.includes(line))] ?? '';

  test.each([
    ['/oauth/token', /"access_token":"[^"]+".*"scope":"read write"/],
    ['cat job.json', /^\{"job":\{"id":"[A-Za-z0-9+/=]+"\}\}\nhttp:\S+\/exports\/[0-9a-f-]{36}\n$/],
    ['Idempotency-Key', /^\{"job":/],
    ['$EXPORT/events', /event: end\ndata: .*"state":"completed"/],
    ['--data-urlencode', /"status":"COMPLETED","exportData":\{"downloadUrl"/],
    ['head -3 flights.csv', /^Flight ID,Flight Date,Delay,.*\n\d+,2001-01-.*\n.*\n\{[\s\S]*"parts"/],
    ['-C -', /^Flight ID,.*[\s\S]*HTTP\/1.1 200 OK[\s\S]*content-length: \d+/i],
    ['/links', /^Flight ID,[\s\S]*\n?204\n$/],
    ['keygen', /^User ID,Firstname,/],
    ['x-private-key', /^User ID,Firstname,/],
    ['limit=10', /^\{"items":\[\{[\s\S]*"next":/],
    ['resubmit', /^20[24]\n$/],
    ['FLIGTHS', /"errors":\[.*"unknown_dataset".*"unknown_format".*"invalid_date"/],
  ])('the lines with %s do what they say', (line, output) => {
    expect(outputOf(line)).toMatch(output);
  });

  test('names only codes that there are', () => {
    const named = [...page.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map((match) => match[1] ?? '');
    expect(named.length).toBeGreaterThan(2);
    for (const code of named) expect(FAILURES).toHaveProperty(code);
  });
});
