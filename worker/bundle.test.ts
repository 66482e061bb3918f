import { describe, expect, it } from 'vitest';
import { bundleWorkflows } from './bundle.ts';

/** Packages and modules that do I/O, and so must not reach deterministic code. */
const FORBIDDEN = [
  'node_modules/pg',
  'node_modules/minio',
  'node_modules/@duckdb',
  '/activities/',
  '/stores/',
  '/config/',
];

describe('the workflow bundle', () => {
  it('holds deterministic code only', { timeout: 120_000 }, async () => {
    const { code } = await bundleWorkflows();
    expect(code).toContain('runExport');
    expect(code).toContain('reconcile');
    for (const path of FORBIDDEN) expect(code, path).not.toContain(path);
  });
});
