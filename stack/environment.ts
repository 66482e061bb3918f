/** A process's environment. Only entry points read the real one and hand it on. */
export type Environment = Readonly<Record<string, string | undefined>>;
