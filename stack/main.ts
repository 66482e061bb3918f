import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { showLine, summary } from './console.ts';
import { SYSTEM_CLOCK } from './restart.ts';
import { readStackSettings } from './settings.ts';
import { type RunningStack, startStack } from './stack.ts';
import { SERVICE_DIRECTORIES, watchSources } from './watch.ts';

const HELP = `Starts the local stack: PostgreSQL, MinIO, Temporal, a mail catcher, the API, a worker and
the SFTP gateway.

  npm start            keeps it running until Ctrl-C
  npm run dev          the same; the services restart when their source changes
  node stack/doctor.ts says where each server comes from and what is healthy

Processes that exit unexpectedly are restarted, with pauses of up to half a minute while they keep failing.
Servers that are not on this machine are fetched once, into ~/.cache/waybill. Data stays in .waybill.
Every port, executable and directory has a WAYBILL_STACK_* setting; .env.example lists them.
`;

/** Milliseconds within which a second signal repeats the first: npm forwards a Ctrl-C that the process already got. */
const TWICE_MS = 1_000;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SERVICES = new Set(['api', 'worker', 'sftp']);

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { watch: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { ports, dataDirectory, sampleScale } = readStackSettings(process.env);
  const print = (name: string, line: string) => process.stdout.write(`${showLine(name, line)}\n`);
  const report = (line: string) => print('stack', line);
  const ending = Promise.withResolvers<number>();
  const interrupted = new AbortController();
  let interruptedAt = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) {
        if (Date.now() - interruptedAt < TWICE_MS) return;
        report('no longer waiting; the watchdog stops the remaining processes');
        process.exit(130);
      }
      report('stopping everything (press Ctrl-C again to stop at once)');
      interruptedAt = Date.now();
      interrupted.abort(new Error('Interrupted.'));
      ending.resolve(0);
    });
  }

  let stack: RunningStack | undefined;
  const reportRunning = (line: string) => {
    if (!interrupted.signal.aborted) report(line);
  };
  try {
    stack = await startStack({
      ...{ ports, dataDirectory, sampleScale, report },
      crashed: (name, how) => reportRunning(`${name} ${how}`),
      restart: { clock: SYSTEM_CLOCK, report: reportRunning },
      environment: process.env,
      settings: {},
      signal: interrupted.signal,
      // Output of servers while they start or stop matters only on failure, and is then part of the error.
      line: (name, line) => {
        if (SERVICES.has(name) || (stack && !interrupted.signal.aborted)) print(name, line);
      },
    });
  } catch (error) {
    if (interrupted.signal.aborted) return 0;
    throw error;
  }
  process.stdout.write(`${summary(stack)}\n`);
  if (values.watch) {
    const { api, worker, sftp } = stack;
    watchSources(
      SERVICE_DIRECTORIES.map((name) => join(ROOT, name)),
      async (path) => {
        report(`${relative(ROOT, path)} changed; restarting the services`);
        // A failed restart is retried after the next change.
        await Promise.all(
          [api, worker, sftp].map((handle) => handle.restart().catch((error) => report(messageOf(error)))),
        );
        report('restarted');
      },
      interrupted.signal,
    );
  }
  const code = await ending.promise;
  await stack.stop();
  report('stopped');
  return code;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  },
);
