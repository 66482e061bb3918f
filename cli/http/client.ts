import { z } from 'zod';
import { ProblemBody } from '../../contracts/views/problem.ts';
import { BROKEN_OFF, CliFailure, EXIT, type ExitCode } from '../failure.ts';
import { plain } from '../screen/table.ts';
import type { Connection } from './connection.ts';

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
        lines: ['Is it running? "waybill doctor" tells. Is the address right? --url or WAYBILL_URL sets it.'],
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

/** `fetch` tells it in the cause of its error. Source: undici, core/errors.js. */
function isBrokenOff(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && ['UND_ERR_SOCKET', 'ECONNRESET'].includes(String(cause.code));
}

/** @throws CliFailure when the answer is not what Waybill's contract says. */
export async function readJson<Schema extends z.ZodType>(schema: Schema, answer: Response): Promise<z.output<Schema>> {
  const parsed = schema.safeParse(await answer.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new CliFailure(EXIT.unreachable, 'The answer is not one of Waybill. Is the address right?', {
    lines: [z.prettifyError(parsed.error)],
  });
}

/** What answers it may be no Waybill, so that every member may be missing. */
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
