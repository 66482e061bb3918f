/**
 * What pages ask of the worker, which has the cryptography. The private key goes to the worker and nowhere else.
 */
import type { KeyPair } from '../../../streams/age/keys.ts';

/** A sealed file: one of this machine, or one that is downloaded as it is opened. */
export type Sealed = { readonly file: File } | { readonly address: string; readonly bytes: number };

/** What each task takes, and what it answers. */
export interface Tasks {
  readonly makeKey: { readonly takes: { readonly postQuantum: boolean }; readonly gives: MadeKey };
  /** Reads a key file. Gives the recipients of its keys. */
  readonly readKey: { readonly takes: { readonly text: string }; readonly gives: readonly string[] };
  /** Reads the start of a file: nothing is written yet. Fails if the key does not open it. */
  readonly check: { readonly takes: { readonly file: File; readonly key: string }; readonly gives: null };
  readonly open: { readonly takes: Opening; readonly gives: Opened };
  readonly verify: { readonly takes: { readonly files: readonly File[] }; readonly gives: Verified };
}

export type TaskName = keyof Tasks;

export interface MadeKey extends KeyPair {
  /** A key file as `age-keygen` writes it. */
  readonly text: string;
}

export interface Opening {
  readonly from: Sealed;
  /** Text of a key file. */
  readonly key: string;
  /** Where the content is written; `null`: into memory. */
  readonly to: FileSystemFileHandle | null;
}

export interface Opened {
  /** Bytes of content. */
  readonly bytes: number;
  /** The content, if it is in memory. */
  readonly content: Blob | null;
}

/** Bytes read of those there are. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

export type Outcome = 'valid' | 'invalid' | 'unknown';

export interface Finding {
  readonly check: string;
  readonly outcome: Outcome;
  /** One or two words. */
  readonly result: string;
  readonly detail: string;
}

export interface Verified {
  readonly outcome: Outcome;
  /** A sentence that sums the findings up. */
  readonly title: string;
  readonly text: string;
  readonly findings: readonly Finding[];
  /** Recipients by name of file, so that a wrong key can be told from the right one. */
  readonly recipients: readonly (readonly [file: string, recipients: readonly string[]])[];
}

/** What went wrong, in words for the reader. */
export interface Failure {
  readonly kind: 'wrong key' | 'damaged' | 'cancelled' | 'other';
  readonly message: string;
}

export type Request =
  | { readonly id: number; readonly cancel: true }
  | {
      [Name in TaskName]: { readonly id: number; readonly task: Name; readonly takes: Tasks[Name]['takes'] };
    }[TaskName];

export type Reply =
  | { readonly id: number; readonly progress: Progress }
  | { readonly id: number; readonly gives: Tasks[TaskName]['gives'] }
  | { readonly id: number; readonly failure: Failure };
