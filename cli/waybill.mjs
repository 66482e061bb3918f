#!/usr/bin/env node
// Plain JavaScript that any Node understands: the rest is TypeScript, which Node reads by itself from 22.18 on.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));

if (major > 22 || (major === 22 && minor >= 18)) {
  await import('./main.ts');
} else if (existsSync(own)) {
  const args = [fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  // Ctrl-C reaches the whole process group: the child decides what it means.
  process.on('SIGINT', () => {});
  const { status, signal, error } = spawnSync(own, args, { stdio: 'inherit' });
  if (error) throw error;
  if (signal) process.kill(process.pid, signal);
  process.exitCode = status ?? 1;
} else {
  process.stderr.write(
    `waybill needs Node.js 22.18 or later; this is ${process.versions.node}.\n` +
      'Run "npm ci" in its directory, which brings the right one, or install Node.js 24.\n',
  );
  process.exitCode = 2;
}
