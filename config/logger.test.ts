import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const LOGGER = new URL('./logger.ts', import.meta.url).href;

/** @returns what a process logs that writes one line with these fields. */
function logged(fields: object): string {
  const script = `import { createLogger } from '${LOGGER}'; createLogger('test', 'info').info(${JSON.stringify(fields)}, 'told');`;
  return spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }).stdout;
}

it('keeps keys, secrets and links out of the log, and lets the rest through', () => {
  const headers = { authorization: 'planted', cookie: 'planted', 'api-key': 'planted', 'x-private-key': 'planted' };
  const fields = { secret: 'planted', secretKey: 'planted', identity: 'planted', downloadUrl: 'planted' };
  const line = logged({ tenant: 'acme', ...headers, ...fields, headers, request: { headers }, options: fields });
  expect(line).toContain('"tenant":"acme"');
  expect(line).toContain('"msg":"told"');
  expect(line).toContain('[redacted]');
  expect(line).not.toContain('planted');
});
