import { z } from 'zod';
import { FAILURES } from '../failures.ts';

/** Code of a failure. Clients accept any, so that a code of a later version does not break them. */
export const failureCode = z.string().meta({ enum: Object.keys(FAILURES) });

export const ProblemBody = z
  .object({
    type: z.string().meta({ example: '/problems/unknown_dataset' }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().meta({ description: 'What happened, and what to change.' }),
    instance: z.string(),
    code: failureCode,
    field: z.string().optional(),
    allowed: z.array(z.string()).optional(),
    errors: z
      .array(
        z.object({
          field: z.string(),
          code: failureCode,
          message: z.string(),
          allowed: z.array(z.string()).optional(),
        }),
      )
      .optional()
      .meta({ description: 'Every invalid field; the first one determines `code`.' }),
    requestId: z.string(),
  })
  .meta({ id: 'Problem', description: 'Source: RFC 9457. Each code is explained at /problems.' });
