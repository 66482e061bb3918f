/**
 * Every failure a caller can see, in one table. Doors turn a row into their own error shape; the workflow records the
 * code in the outcome; documentation lists the table.
 */
export interface FailureKind {
  /** HTTP status when a door answers with it. */
  readonly status: number;
  /** Whether the same step may succeed when it is tried again later. What the caller must fix is never retried. */
  readonly retryable: boolean;
  /** Short, fixed summary (RFC 9457 `title`). */
  readonly title: string;
  /** What the caller can do about it. */
  readonly advice: string;
}

export const FAILURES = {
  // What the caller sent
  malformed_body: {
    status: 400,
    retryable: false,
    title: 'The body is not valid JSON',
    advice: 'Send one JSON object, UTF-8 encoded.',
  },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    title: 'Content type not supported',
    advice: 'Send the body with Content-Type: application/json.',
  },
  body_too_large: {
    status: 413,
    retryable: false,
    title: 'The body is too large',
    advice: 'Send a smaller body.',
  },
  invalid_field: {
    status: 400,
    retryable: false,
    title: 'A field is not valid',
    advice: 'Correct the named field.',
  },
  missing_field: {
    status: 400,
    retryable: false,
    title: 'A mandatory field is missing',
    advice: 'Add the named field.',
  },
  unknown_field: {
    status: 400,
    retryable: false,
    title: 'A field is not known',
    advice: 'Remove the named field, or correct its spelling.',
  },
  unknown_dataset: {
    status: 400,
    retryable: false,
    title: 'Unknown export type',
    advice: 'Use one of the types that the answer lists.',
  },
  unknown_format: {
    status: 400,
    retryable: false,
    title: 'Unknown format',
    advice: 'Use one of the formats that the answer lists.',
  },
  format_not_offered: {
    status: 400,
    retryable: false,
    title: 'The export type is not offered in this format',
    advice: 'Use one of the formats that the answer lists.',
  },
  missing_parameter: {
    status: 400,
    retryable: false,
    title: 'The export type needs a parameter',
    advice: 'Add the named parameter.',
  },
  foreign_parameter: {
    status: 400,
    retryable: false,
    title: 'The parameter belongs to another export type',
    advice: 'Leave the named parameter out.',
  },
  invalid_date: {
    status: 400,
    retryable: false,
    title: 'Not a date',
    advice: 'Write it in ISO 8601, for example 2012-09-05T11:12:47.000Z, at most six digits after the second.',
  },
  reversed_window: {
    status: 400,
    retryable: false,
    title: 'The window ends before it starts',
    advice: 'Let startDate be at or before endDate.',
  },
  unknown_column: {
    status: 400,
    retryable: false,
    title: 'Unknown column',
    advice: 'Use columns that the export type has; the answer lists them.',
  },
  invalid_recipient: {
    status: 400,
    retryable: false,
    title: 'Not an age recipient',
    advice: 'Send a public key that begins with age1; keep the AGE-SECRET-KEY to yourself.',
  },
  idempotency_conflict: {
    status: 409,
    retryable: false,
    title: 'The idempotency key was used for another request',
    advice: 'Use a new Idempotency-Key for a new request.',
  },
  // Who the caller is
  unauthenticated: {
    status: 401,
    retryable: false,
    title: 'Credentials are missing or wrong',
    advice: 'Send valid credentials.',
  },
  insufficient_scope: {
    status: 403,
    retryable: false,
    title: 'The credential may only read',
    advice: 'Use a credential with the write scope.',
  },
  wrong_key: {
    status: 403,
    retryable: false,
    title: 'The key does not open this file',
    advice: 'Use the private key that belongs to one of the recipients the export was sealed to.',
  },
  link_invalid: {
    status: 403,
    retryable: false,
    title: 'The download link is not valid',
    advice: 'Ask for the export again to get a new link.',
  },
  link_expired: {
    status: 410,
    retryable: false,
    title: 'The download link has expired',
    advice: 'Ask for the export again to get a new link.',
  },
  not_found: {
    status: 404,
    retryable: false,
    title: 'Not found',
    advice: 'Check the address and the id.',
  },
  method_not_allowed: {
    status: 405,
    retryable: false,
    title: 'Method not allowed',
    advice: 'Use one of the methods that the Allow header lists.',
  },
  not_ready: {
    status: 409,
    retryable: true,
    title: 'The export is not finished yet',
    advice: 'Wait until its status is COMPLETED.',
  },
  no_file: {
    status: 409,
    retryable: false,
    title: 'The export left no file',
    advice: 'Read its errors, mend the cause, and resubmit it.',
  },
  gone: {
    status: 410,
    retryable: false,
    title: 'The files of this export are gone',
    advice: 'Resubmit the export to make them again.',
  },
  already_ended: {
    status: 409,
    retryable: false,
    title: 'The export has already ended',
    advice: 'Ask for the export to see how it ended.',
  },
  not_sealed: {
    status: 400,
    retryable: false,
    title: 'The export is not sealed',
    advice: 'Leave the private key out.',
  },
  range_not_satisfiable: {
    status: 416,
    retryable: false,
    title: 'The range lies outside the file',
    advice: 'Ask for bytes that the file has; Content-Range tells its size.',
  },
  precondition_failed: {
    status: 412,
    retryable: false,
    title: 'The file is not the one you expect',
    advice: 'Fetch the export again to learn its ETag.',
  },
  rate_limited: {
    status: 429,
    retryable: true,
    title: 'Too many requests',
    advice: 'Wait for the seconds that Retry-After names.',
  },
  too_many_exports: {
    status: 429,
    retryable: true,
    title: 'Too many exports are running',
    advice: 'Wait until one of them has ended, or cancel one.',
  },
  // Periodic exports
  unknown_file: {
    status: 400,
    retryable: false,
    title: 'Unknown file',
    advice: 'Use one of the files that the answer lists.',
  },
  unknown_file_type: {
    status: 400,
    retryable: false,
    title: 'Unknown file type',
    advice: 'Use one of the file types that the answer lists.',
  },
  foreign_organisation: {
    status: 404,
    retryable: false,
    title: 'The organisation is not the one of the credential',
    advice: 'Leave the organisation out, or send the key of your own tenant.',
  },
  already_enabled: {
    status: 409,
    retryable: false,
    title: 'Periodic exports are enabled already',
    advice: 'Go on with the key you have, rotate to get a new one, or disable them first.',
  },
  recipient_kept: {
    status: 409,
    retryable: false,
    title: 'The files that were kept are sealed to another recipient',
    advice: 'Enable without a recipient to go on with the old one, then rotate; or disable with deleteSettings=true.',
  },
  not_enabled: {
    status: 404,
    retryable: false,
    title: 'Periodic exports are not enabled',
    advice: 'Enable them first.',
  },
  not_produced: {
    status: 404,
    retryable: true,
    title: 'The files have not been produced yet',
    advice: 'Try again later; the status says how far the run is.',
  },
  settings_busy: {
    status: 503,
    retryable: true,
    title: 'A run that is being ended still holds files',
    advice: 'Repeat the request; it goes on where it stopped.',
  },
  // What came of an export
  replaced: {
    status: 409,
    retryable: false,
    title: 'The settings changed while the run was under way',
    advice: 'Nothing is to be done; a run with the new settings follows.',
  },
  cancelled: {
    status: 409,
    retryable: false,
    title: 'The export was cancelled',
    advice: 'Resubmit the export if you want it after all.',
  },
  source_changed: {
    status: 409,
    retryable: false,
    title: 'The source changed while it was being read',
    advice: 'Resubmit the export; it will read a new snapshot.',
  },
  dataset_broken: {
    status: 500,
    retryable: false,
    title: 'The dataset cannot be read as the catalog describes it',
    advice: 'Tell the operator; the catalog and the warehouse disagree.',
  },
  warehouse_misconfigured: {
    status: 500,
    retryable: false,
    title: 'The warehouse is not set up correctly',
    advice: 'Tell the operator.',
  },
  memory_exhausted: {
    status: 507,
    retryable: false,
    title: 'The export needs more memory than the operator allows',
    advice: 'Choose a shorter window or fewer columns, or ask the operator for more memory.',
  },
  disk_full: {
    status: 507,
    retryable: true,
    title: 'A worker has no room left on its disk',
    advice: 'Try again later; if it stays, tell the operator.',
  },
  warehouse_unavailable: {
    status: 503,
    retryable: true,
    title: 'The warehouse cannot be reached',
    advice: 'Try again later.',
  },
  objects_unavailable: {
    status: 503,
    retryable: true,
    title: 'The object store cannot be reached',
    advice: 'Try again later.',
  },
  objects_full: {
    status: 507,
    retryable: true,
    title: 'The object store is full',
    advice: 'Tell the operator.',
  },
  ledger_unavailable: {
    status: 503,
    retryable: true,
    title: 'The ledger cannot be reached',
    advice: 'Try again later.',
  },
  temporal_unavailable: {
    status: 503,
    retryable: true,
    title: 'The scheduler of exports cannot be reached',
    advice: 'Try again later.',
  },
  mail_unavailable: {
    status: 503,
    retryable: true,
    title: 'The mail server cannot be reached',
    advice: 'Try again later.',
  },
  mail_refused: {
    status: 502,
    retryable: false,
    title: 'The mail server refused the letter',
    advice: 'Check the addresses of the contacts, and the sender.',
  },
  issuer_unavailable: {
    status: 503,
    retryable: true,
    title: 'The issuer of the token cannot be reached',
    advice: 'Try again later, or use a credential of this service.',
  },
  object_damaged: {
    status: 500,
    retryable: false,
    title: 'A stored file is not what the manifest says',
    advice: 'Resubmit the export, and tell the operator.',
  },
  internal: {
    status: 500,
    retryable: true,
    title: 'Something went wrong on our side',
    advice: 'Try again later; if it stays, tell the operator the request id.',
  },
} as const satisfies Record<string, FailureKind>;
