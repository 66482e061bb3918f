import { parseArgs, styleText } from 'node:util';
import { EXTENSION_NAMES, EXTENSIONS, type ExtensionName, findExtension } from './extensions.ts';
import { type FoundProgram, findProgram, readVersion } from './find.ts';
import { PORT_USES, type PortName } from './ports.ts';
import { answersPostgres } from './postgres.ts';
import { PROGRAM_NAMES, PROGRAMS, type Program, type ProgramName, SERVER_NAMES } from './programs.ts';
import { answersOk, answersTemporal } from './server-processes.ts';
import { stackUrls } from './servers.ts';
import { readStackSettings } from './settings.ts';

const HELP = `Says where each program and each extension of DuckDB comes from, and which servers of the local stack answer.

  node stack/doctor.ts [--json]

Exits with 1 if a server of the stack can neither be found nor fetched.
`;

interface ProgramReport {
  readonly name: ProgramName;
  /** Whether the stack needs it; tests and benchmarks need the others. */
  readonly server: boolean;
  readonly origin: FoundProgram['origin'] | 'to be fetched' | 'missing';
  readonly path: string | null;
  readonly version: string | null;
  /** What is wrong, or how it would be fetched. */
  readonly note: string | null;
}

interface ExtensionReport {
  readonly name: ExtensionName;
  readonly path: string | null;
  /** How it would be fetched. */
  readonly note: string | null;
}

interface ServerReport {
  readonly use: string;
  readonly port: number;
  readonly healthy: boolean;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [programs, extensions, servers] = await Promise.all([
    Promise.all(PROGRAM_NAMES.map(reportProgram)),
    Promise.all(EXTENSION_NAMES.map(reportExtension)),
    reportServers(),
  ]);
  const found = { programs, extensions, servers };
  process.stdout.write(values.json ? `${JSON.stringify(found, null, 2)}\n` : show(found));
  return programs.some(({ server, origin }) => server && origin === 'missing') ? 1 : 0;
}

async function reportProgram(name: ProgramName): Promise<ProgramReport> {
  const program: Program = PROGRAMS[name];
  const server = SERVER_NAMES.some((each) => each === name);
  const recipes = program.recipes.map(({ title }) => title);
  try {
    const found = await findProgram(name, process.env);
    if (found) {
      const version = await readVersion(found, process.env);
      return { name, server, origin: found.origin, path: found.path, version: version ?? null, note: null };
    }
    const missing = { name, server, path: null, version: null };
    return recipes.length > 0
      ? { ...missing, origin: 'to be fetched', note: recipes.join(', else ') }
      : { ...missing, origin: 'missing', note: 'run npm ci' };
  } catch (error) {
    const note = error instanceof Error ? error.message : String(error);
    return { name, server, origin: 'missing', path: null, version: null, note };
  }
}

async function reportExtension(name: ExtensionName): Promise<ExtensionReport> {
  const path = await findExtension(name, process.env);
  if (path) return { name, path, note: null };
  return { name, path: null, note: EXTENSIONS[name].recipes.map(({ title }) => title).join(', else ') };
}

async function reportServers(): Promise<readonly ServerReport[]> {
  const { ports } = readStackSettings(process.env);
  const urls = stackUrls(ports);
  const checks: readonly (readonly [PortName, () => Promise<boolean>])[] = [
    ['postgres', () => answersPostgres(ports.postgres)],
    ['objects', () => answersOk(`${urls.objects}/minio/health/ready`)],
    ['temporal', () => answersTemporal(ports.temporal)],
    ['temporalUi', () => answersOk(urls.temporalUi)],
    ['mail', () => answersOk(`${urls.mail}/healthz`)],
    ['api', () => answersOk(`${urls.api}/readyz`)],
    ['workerHealth', () => answersOk(`${urls.workerHealth}/healthz`)],
    ['sftpHealth', () => answersOk(`${urls.sftpHealth}/readyz`)],
  ];
  return Promise.all(
    checks.map(async ([name, check]) => {
      const healthy = await check().catch(() => false);
      return { use: PORT_USES[name].use, port: ports[name], healthy };
    }),
  );
}

function show(found: {
  readonly programs: readonly ProgramReport[];
  readonly extensions: readonly ExtensionReport[];
  readonly servers: readonly ServerReport[];
}): string {
  const { programs, extensions, servers } = found;
  const mark = (good: boolean) => (good ? styleText('green', '+') : styleText('yellow', '-'));
  return [
    styleText('bold', 'Programs'),
    ...programs.flatMap(({ name, origin, path, version, note }) => [
      `  ${mark(path !== null)} ${name.padEnd(22)}${origin.padEnd(15)}${version ?? note ?? ''}`,
      ...(path === null ? [] : [`    ${''.padEnd(22)}${styleText('gray', path)}`]),
    ]),
    '',
    styleText('bold', 'Extensions of DuckDB'),
    ...extensions.map(
      ({ name, path, note }) =>
        `  ${mark(path !== null)} ${name.padEnd(22)}${path === null ? 'to be fetched'.padEnd(15) : ''}${path ?? note ?? ''}`,
    ),
    '',
    styleText('bold', 'Servers of the local stack'),
    ...servers.map(
      ({ use, port, healthy }) =>
        `  ${mark(healthy)} ${use.padEnd(26)}${`${port}`.padEnd(7)}${healthy ? 'healthy' : 'no answer'}`,
    ),
    '',
  ].join('\n');
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
