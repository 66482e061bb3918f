/** A process environment, as `process.env` is. Only `main.ts` files read the real one and hand it on. */
export type Environment = Readonly<Record<string, string | undefined>>;
