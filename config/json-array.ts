import { z } from 'zod';

/** A setting that holds a JSON array. @param item schema of its items */
export function jsonArray<Item extends z.ZodType>(item: Item) {
  return z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue({ code: 'custom', message: 'should be a JSON array' });
        return z.NEVER;
      }
    })
    .pipe(z.array(item));
}
