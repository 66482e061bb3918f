import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { z } from 'zod';
import { Envelope } from '../../contracts/envelope.ts';
import { type Manifest, parseManifest } from '../../contracts/manifest.ts';
import { ProblemBody } from '../../contracts/views/problem.ts';
import { addJsonOption, type Cli, type JsonOption } from '../cli.ts';
import { BROKEN_OFF, CliFailure, EXIT, type ExitCode, usage } from '../failure.ts';
import { plain } from '../screen/terminal.ts';

export interface ClientOptions extends JsonOption {
  readonly url?: string;
  readonly clientId?: string;
  readonly secretFile?: string;
}

const URL_DEFAULT = 'http://127.0.0.1:8080';

export function addConnectionOptions(command: Command): Command {
  const connection = command.optionsGroup('Connection:');
  return addCredentialOptions(
    connection.option('--url <url>', `address of Waybill; else WAYBILL_URL, else ${URL_DEFAULT}`),
  );
}

/**
 * For a command whose argument is the address. The secret is never an option: other users of the machine can read the arguments of a
 * process.
 */
export function addCredentialOptions(command: Command): Command {
  return command
    .option('--client-id <id>', 'your client id; else WAYBILL_CLIENT_ID')
    .option(
      '--secret-file <file>',
      'file that holds your secret; else WAYBILL_CLIENT_SECRET_FILE or WAYBILL_CLIENT_SECRET',
    );
}

/** Options of a command that calls the server; the last ones of its help. */
export function addClientOptions(command: Command): Command {
  return addConnectionOptions(addJsonOption(command.optionsGroup('Options:')));
}

/** @throws CliFailure `usage` that names what is missing */
export function connect({ environment }: Pick<Cli, 'environment'>, options: ClientOptions): Client {
  const address = options.url ?? (environment.WAYBILL_URL || URL_DEFAULT);
  const url = URL.parse(address.endsWith('/') ? address : `${address}/`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw usage(`"${address}" is not an http or https address.`, `Example: --url ${URL_DEFAULT}`);
  }
  if (url.username || url.password) {
    throw usage('The address holds credentials.', 'Give them as WAYBILL_CLIENT_ID and WAYBILL_CLIENT_SECRET.');
  }
  const clientId = options.clientId ?? environment.WAYBILL_CLIENT_ID;
  if (!clientId) throw usage('The client id is missing.', 'Set WAYBILL_CLIENT_ID, or give --client-id.');
  const secretFile = options.secretFile ?? environment.WAYBILL_CLIENT_SECRET_FILE;
  const secret = secretFile ? readSecret(secretFile) : environment.WAYBILL_CLIENT_SECRET;
  if (!secret) throw usage('The secret is missing.', 'Set WAYBILL_CLIENT_SECRET, or give --secret-file.');
  return createClient(url, `Basic ${Buffer.from(`${clientId}:${secret}`, 'utf8').toString('base64')}`);
}

function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? cause.code : cause;
    throw usage(`The secret file "${file}" cannot be read: ${reason}.`);
  }
}

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Calls Waybill's HTTP API. Any response but success becomes a `CliFailure` with the server's own message. */
export interface Client {
  /** @returns the response, its body unread */
  call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, options?: CallOptions): Promise<Response>;
  /** @returns the body, parsed and checked */
  json<Schema extends z.ZodType>(schema: Schema, path: string, signal?: AbortSignal): Promise<z.output<Schema>>;
}

function createClient(url: URL, authorization: string): Client {
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
        const details = { code: BROKEN_OFF, temporary: true, cause };
        throw new CliFailure(EXIT.unreachable, 'Waybill closed the connection without an answer. Try again.', details);
      }
      throw new CliFailure(EXIT.unreachable, `Waybill cannot be reached at ${url.origin}.`, {
        lines: ['Is it running? Run "waybill doctor". Is the address right? --url or WAYBILL_URL sets it.'],
        temporary: true,
        cause,
      });
    }
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }

  return {
    call,
    json: async (schema, path, signal) => readJson(schema, await call('GET', path, signal ? { signal } : {})),
  };
}

/** `fetch` reports it in the cause of its error. Source: undici, core/errors.js. */
function isBrokenOff(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && ['UND_ERR_SOCKET', 'ECONNRESET'].includes(String(cause.code));
}

/** @throws CliFailure if the response does not match Waybill's contract */
export async function readJson<Schema extends z.ZodType>(schema: Schema, answer: Response): Promise<z.output<Schema>> {
  const parsed = schema.safeParse(await answer.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new CliFailure(EXIT.unreachable, 'The response is not from Waybill. Is the address right?', {
    lines: [z.prettifyError(parsed.error)],
  });
}

export interface ManifestAnswer {
  /** As they are stored. */
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
}

/** @throws CliFailure if the response is not a manifest of this version */
export async function getManifest(client: Client, path: string, signal: AbortSignal): Promise<ManifestAnswer> {
  const answer = await client.call('GET', path, { signal });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const parsed = parseManifest(Buffer.from(bytes).toString('utf8'));
  if ('manifest' in parsed) return { bytes, manifest: parsed.manifest };
  throw new CliFailure(EXIT.failed, 'This version of waybill cannot read the manifest.', {
    lines: parsed.problem.split('\n'),
  });
}

/** @returns the signed manifest; `undefined` if it is not signed. @throws CliFailure if the response is something else */
export async function getEnvelope(client: Client, path: string, signal: AbortSignal): Promise<Envelope | undefined> {
  try {
    return await client.json(Envelope, `${path}/signature`, signal);
  } catch (error) {
    if (error instanceof CliFailure && error.code === 'not_found') return undefined;
    throw error;
  }
}

/** Of either form of error bodies. The response may not come from Waybill, so every member is optional. */
const Problem = ProblemBody.omit({ status: true, errors: true })
  .partial()
  .extend({
    message: z.string().optional(),
    errors: z
      .array(z.object({ field: z.string(), message: z.string(), allowed: z.array(z.string()).optional() }))
      .optional(),
  });

async function refusal(answer: Response): Promise<CliFailure> {
  const isText = answer.headers.get('content-type')?.startsWith('text/plain') === true;
  // As the contract of questionnaires has it.
  const text = isText ? await answer.text().catch(() => '') : '';
  const parsed = Problem.safeParse(isText ? undefined : await answer.json().catch(() => undefined));
  const problem = parsed.success ? parsed.data : {};
  const without = text === '' ? `Waybill answered ${answer.status} ${answer.statusText}.` : `${text}.`;
  const said = problem.detail ?? problem.message ?? problem.title ?? without;
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
    temporary: answer.status === 429 || answer.status >= 502,
    code: problem.code,
  });
}

function exitCodeOf(status: number): ExitCode {
  if ([401, 403, 429].includes(status) || status >= 502) return EXIT.unreachable;
  return [400, 413, 415, 422].includes(status) ? EXIT.usage : EXIT.failed;
}
