import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { z } from 'zod';
import { type Manifest, parseManifest } from '../../contracts/manifest.ts';
import { ProblemBody } from '../../contracts/views/problem.ts';
import { BROKEN_OFF, CliFailure, EXIT, type ExitCode, usage } from '../failure.ts';
import { plain } from '../screen/terminal.ts';

/** Where Waybill is and who asks. */
export interface Connection {
  readonly url: URL;
  readonly clientId: string;
  readonly secret: string;
}

export interface ConnectionOptions {
  readonly url?: string;
  readonly clientId?: string;
  readonly secretFile?: string;
}

const URL_DEFAULT = 'http://127.0.0.1:8080';

/** The secret is never an option: other users of the machine can read the arguments of a process. */
export function addConnectionOptions(command: Command): Command {
  return command
    .optionsGroup('Connection:')
    .option('--url <url>', `address of Waybill; else WAYBILL_URL, else ${URL_DEFAULT}`)
    .option('--client-id <id>', 'your client id; else WAYBILL_CLIENT_ID')
    .option(
      '--secret-file <file>',
      'file that holds your secret; else WAYBILL_CLIENT_SECRET_FILE or WAYBILL_CLIENT_SECRET',
    );
}

/** @throws CliFailure `usage` that names what is missing. */
export function readConnection(
  options: ConnectionOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Connection {
  const address = options.url ?? (environment.WAYBILL_URL || URL_DEFAULT);
  const url = URL.parse(address.endsWith('/') ? address : `${address}/`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw usage(`"${address}" is not an http or https address.`, `Example: --url ${URL_DEFAULT}`);
  }
  if (url.username || url.password) {
    throw usage('The address holds credentials.', 'Give them as WAYBILL_CLIENT_ID and WAYBILL_CLIENT_SECRET.');
  }
  const clientId = options.clientId ?? environment.WAYBILL_CLIENT_ID;
  if (!clientId) throw usage('Who are you?', 'Set WAYBILL_CLIENT_ID, or give --client-id.');
  const secretFile = options.secretFile ?? environment.WAYBILL_CLIENT_SECRET_FILE;
  const secret = secretFile ? readSecret(secretFile) : environment.WAYBILL_CLIENT_SECRET;
  if (!secret) throw usage('The secret is missing.', 'Set WAYBILL_CLIENT_SECRET, or give --secret-file.');
  return { url, clientId, secret };
}

function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw usage(`The secret file "${file}" cannot be read: ${reason(cause)}.`);
  }
}

/** What the system says, without its stack: `ENOENT`. */
function reason(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Speaks HTTP with Waybill. Every answer but success becomes a `CliFailure` with the server's own sentence. */
export interface Client {
  /** @returns the answer, its body unread. */
  call(method: 'GET' | 'POST' | 'DELETE', path: string, options?: CallOptions): Promise<Response>;
  /** @returns the body, parsed and checked. */
  json<Schema extends z.ZodType>(schema: Schema, path: string, signal?: AbortSignal): Promise<z.output<Schema>>;
}

export function createClient(connection: Connection): Client {
  const { url, clientId, secret } = connection;
  const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`, 'utf8').toString('base64')}`;

  async function call(method: string, path: string, { body, headers, signal }: CallOptions = {}): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(new URL(path, url), {
        method,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal ?? null,
        redirect: 'error',
      });
    } catch (cause) {
      signal?.throwIfAborted();
      if (isBrokenOff(cause)) {
        const more = { code: BROKEN_OFF, passing: true, cause };
        throw new CliFailure(EXIT.unreachable, 'Waybill closed the connection without an answer. Try again.', more);
      }
      throw new CliFailure(EXIT.unreachable, `Waybill cannot be reached at ${url.origin}.`, {
        lines: ['Is it running? Run "waybill doctor". Is the address right? --url or WAYBILL_URL sets it.'],
        passing: true,
        cause,
      });
    }
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }

  return {
    call,
    async json(schema, path, signal) {
      const answer = await call('GET', path, signal === undefined ? {} : { signal });
      return readJson(schema, answer);
    },
  };
}

/** `fetch` reports it in the cause of its error. Source: undici, core/errors.js. */
function isBrokenOff(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && ['UND_ERR_SOCKET', 'ECONNRESET'].includes(String(cause.code));
}

/** @throws CliFailure when the answer is not what Waybill's contract says. */
export async function readJson<Schema extends z.ZodType>(schema: Schema, answer: Response): Promise<z.output<Schema>> {
  const parsed = schema.safeParse(await answer.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new CliFailure(EXIT.unreachable, 'The response is not from Waybill. Is the address right?', {
    lines: [z.prettifyError(parsed.error)],
  });
}

/** @throws CliFailure when the answer is not a manifest of this version. */
export async function readManifestAnswer(
  answer: Response,
): Promise<{ readonly bytes: Uint8Array; readonly manifest: Manifest }> {
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const parsed = parseManifest(Buffer.from(bytes).toString('utf8'));
  if ('manifest' in parsed) return { bytes, manifest: parsed.manifest };
  throw new CliFailure(EXIT.failed, 'This version of waybill cannot read the manifest.', {
    lines: parsed.problem.split('\n'),
  });
}

/** The response may not come from Waybill, so every member is optional. */
const Problem = ProblemBody.partial();

async function refusal(answer: Response): Promise<CliFailure> {
  const parsed = Problem.safeParse(await answer.json().catch(() => undefined));
  const problem = parsed.success ? parsed.data : {};
  const said = problem.detail ?? problem.title ?? `Waybill answered ${answer.status} ${answer.statusText}.`;
  const lines = (problem.errors ?? [problem]).flatMap(({ field, allowed, ...more }) => {
    const message = problem.errors && problem.errors.length > 1 && 'message' in more ? `: ${more.message}` : '';
    return [
      ...(field === undefined ? [] : [`field ${field}${message}`]),
      ...(allowed === undefined || said.includes(allowed.join(', ')) ? [] : [`allowed: ${allowed.join(', ')}`]),
    ];
  });
  const retryAfter = answer.headers.get('retry-after');
  if (retryAfter !== null) lines.push(`Try again in ${retryAfter} seconds.`);
  if (answer.status >= 500 && problem.requestId !== undefined) lines.push(`request id: ${problem.requestId}`);
  return new CliFailure(exitCodeOf(answer.status), plain(said), {
    lines: lines.map(plain),
    passing: answer.status === 429 || answer.status >= 502,
    ...(problem.code === undefined ? {} : { code: problem.code }),
  });
}

function exitCodeOf(status: number): ExitCode {
  if ([401, 403, 429].includes(status) || status >= 502) return EXIT.unreachable;
  return [400, 413, 415, 422].includes(status) ? EXIT.usage : EXIT.failed;
}
