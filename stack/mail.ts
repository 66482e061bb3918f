import type { FoundProgram } from './find.ts';
import { LOOPBACK } from './ports.ts';
import { answersOk } from './probe.ts';
import type { Environment, ProcessSpec } from './process.ts';

/** Catches every mail and shows it on a web page; nothing leaves the machine. */
export function mailProcess(options: {
  readonly program: FoundProgram;
  readonly smtpPort: number;
  readonly webPort: number;
  readonly environment: Environment;
}): ProcessSpec {
  const { program, smtpPort, webPort, environment } = options;
  // The package's script asks for whichever `node` comes first on PATH; this one is known to be new enough.
  const [command, script] = program.origin === 'node_modules' ? [process.execPath, [program.path]] : [program.path, []];
  return {
    name: 'mail',
    command,
    arguments: [
      ...[...script, '--smtp', String(smtpPort), '--web', String(webPort)],
      ...['--ip', LOOPBACK, '--web-ip', LOOPBACK, '--silent'],
    ],
    environment,
    identity: undefined,
    stopSignal: 'SIGTERM',
    graceMs: 5_000,
    readyMs: 30_000,
    ready: () => answersOk(`http://${LOOPBACK}:${webPort}/healthz`),
    retryWhen: undefined,
  };
}
