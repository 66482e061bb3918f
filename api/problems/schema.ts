import { z } from '@hono/zod-openapi';
import { FAILURES, type FailureCode } from '../../contracts/failures.ts';

const codes = Object.keys(FAILURES) as [FailureCode, ...FailureCode[]];

export const ProblemBody = z
  .object({
    type: z.string().openapi({ example: '/problems/unknown_dataset' }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().openapi({ description: 'What happened, and what to change.' }),
    instance: z.string(),
    code: z.enum(codes),
    field: z.string().optional(),
    allowed: z.array(z.string()).optional(),
    errors: z
      .array(
        z.object({
          field: z.string(),
          code: z.enum(codes),
          message: z.string(),
          allowed: z.array(z.string()).optional(),
        }),
      )
      .optional()
      .openapi({ description: 'Every field that is wrong; the first one gives the answer its code.' }),
    requestId: z.string(),
  })
  .openapi('Problem', { description: 'Source: RFC 9457. Each code is explained at /problems.' });

const content = { 'application/problem+json': { schema: ProblemBody } };
export const retryAfter = {
  'Retry-After': { schema: { type: 'integer' as const }, description: 'Seconds to wait.' },
};

/** Answers that every route with credentials may give. */
const ALWAYS: readonly FailureCode[] = ['unauthenticated', 'rate_limited', 'ledger_unavailable', 'internal'];

/** Describes the problems that a route answers with, by status, for the OpenAPI document. */
export function problems(...own: readonly FailureCode[]) {
  const byStatus: Record<number, { description: string; content: typeof content; headers?: typeof retryAfter }> = {};
  for (const code of new Set([...own, ...ALWAYS])) {
    const { status, title } = FAILURES[code];
    const line = `\`${code}\`: ${title}.`;
    const before = byStatus[status];
    const waits = before?.headers !== undefined || status === 429 || status === 503 || code === 'not_produced';
    byStatus[status] = {
      description: before ? `${before.description} ${line}` : line,
      content,
      ...(waits && { headers: retryAfter }),
    };
  }
  return byStatus;
}
