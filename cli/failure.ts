/** Exit codes, for scripts. */
export const EXIT = {
  ok: 0,
  /** The export failed, a file does not match its manifest, or something requested does not exist. */
  failed: 1,
  /** The command line or the request was wrong. */
  usage: 2,
  /** Waybill, its ledger or its object store cannot be reached, or refuses the credentials. */
  unreachable: 3,
  /** Stopped by Ctrl-C (128 + SIGINT). */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

interface FailureDetails {
  /** Code from the table of failures, where there is one. */
  readonly code?: string | undefined;
  /** Whether the same call may succeed a little later. @default false */
  readonly temporary?: boolean;
  /** Further lines: details, and what to do next. @default [] */
  readonly lines?: readonly string[];
  readonly cause?: unknown;
}

/** A failure that is shown to the user as a sentence, without a stack trace. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
  readonly exitCode: ExitCode;
  readonly code: string | undefined;
  readonly temporary: boolean;
  readonly lines: readonly string[];

  constructor(exitCode: ExitCode, message: string, details: FailureDetails = {}) {
    super(message, { cause: details.cause });
    this.exitCode = exitCode;
    this.code = details.code;
    this.temporary = details.temporary ?? false;
    this.lines = details.lines ?? [];
  }
}

/** Code of a connection that closed without a response. */
export const BROKEN_OFF = 'broken_off';

/** A wrong command line. */
export function usage(message: string, ...lines: readonly string[]): CliFailure {
  return new CliFailure(EXIT.usage, message, { lines });
}

/** Something that the command names does not exist. */
export function notFound(message: string): CliFailure {
  return new CliFailure(EXIT.failed, message, { code: 'not_found' });
}
