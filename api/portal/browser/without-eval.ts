import { config } from 'zod';

/** zod compiles schemas with `Function` where it may; the policy of pages forbids it and would report the attempt. */
config({ jitless: true });
