/** What the process ends with, for scripts. */
export const EXIT = {
  ok: 0,
  /** The export failed, a file is not what its manifest says, or something asked for is not there. */
  failed: 1,
  /** The command line or the request was wrong. */
  usage: 2,
  /** Waybill, its ledger or its object store cannot be reached, or refuses the credentials. */
  unreachable: 3,
  /** Stopped by Ctrl-C (128 + SIGINT). */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure that is shown to the user as a sentence, without a stack trace. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
  readonly exitCode: ExitCode;
  /** Code from the table of failures, where there is one. */
  readonly code: string | undefined;
  /** Whether the same call may succeed a little later. */
  readonly passing: boolean;
  /** Further lines: details, and what to do next. */
  readonly lines: readonly string[];

  constructor(
    exitCode: ExitCode,
    message: string,
    more: {
      readonly code?: string;
      readonly passing?: boolean;
      readonly lines?: readonly string[];
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: more.cause });
    this.exitCode = exitCode;
    this.code = more.code;
    this.passing = more.passing ?? false;
    this.lines = more.lines ?? [];
  }
}

/** Code of a connection that was accepted and then closed without an answer. */
export const BROKEN_OFF = 'broken_off';

/** A wrong command line. */
export function usage(message: string, ...lines: readonly string[]): CliFailure {
  return new CliFailure(EXIT.usage, message, { lines });
}
