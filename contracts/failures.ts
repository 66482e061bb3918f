/**
 * Every failure a caller can see, in one table. Each kind of export renders a row in its own error shape; the workflow
 * records the code as the outcome; the documentation lists the table.
 */
export interface FailureKind {
  /** HTTP status of the response. */
  readonly status: number;
  /** Whether the same step may succeed if it is retried later. What the caller must fix is never retried. */
  readonly retryable: boolean;
  /** Short, fixed summary (RFC 9457 `title`). */
  readonly title: string;
  /** What the caller can do about it. */
  readonly advice: string;
}

/** The caller must fix it: never retried. */
const final = (status: number, title: string, advice: string): FailureKind => ({
  status,
  retryable: false,
  title,
  advice,
});

/** Transient: the same step may succeed on a retry. */
const retryable = (status: number, title: string, advice: string): FailureKind => ({
  status,
  retryable: true,
  title,
  advice,
});

export const FAILURES = {
  // Requests
  malformed_body: final(400, 'The body is not valid JSON', 'Send one JSON object, UTF-8 encoded.'),
  unsupported_media_type: final(
    415,
    'Content type not supported',
    'Send the body with Content-Type: application/json.',
  ),
  body_too_large: final(413, 'The body is too large', 'Send a smaller body.'),
  invalid_field: final(400, 'A field is not valid', 'Correct the named field.'),
  missing_field: final(400, 'A mandatory field is missing', 'Add the named field.'),
  unknown_field: final(400, 'A field is not known', 'Remove the named field, or correct its spelling.'),
  unknown_dataset: final(400, 'Unknown export type', 'Use one of the types that the answer lists.'),
  unknown_format: final(400, 'Unknown format', 'Use one of the formats that the answer lists.'),
  format_not_offered: final(
    400,
    'The export type is not offered in this format',
    'Use one of the formats that the answer lists.',
  ),
  missing_parameter: final(400, 'The export type needs a parameter', 'Add the named parameter.'),
  foreign_parameter: final(400, 'The parameter belongs to another export type', 'Leave the named parameter out.'),
  invalid_date: final(
    400,
    'Not a date',
    'Write it in ISO 8601, for example 2012-09-05T11:12:47.000Z, at most six digits after the second.',
  ),
  reversed_window: final(400, 'The window ends before it starts', 'Let startDate be at or before endDate.'),
  unknown_column: final(400, 'Unknown column', 'Use columns that the export type has; the answer lists them.'),
  invalid_recipient: final(
    400,
    'Not an age recipient',
    'Send a public key that begins with age1; keep the AGE-SECRET-KEY to yourself.',
  ),
  idempotency_conflict: final(
    409,
    'The idempotency key was used for another request',
    'Use a new Idempotency-Key for a new request.',
  ),
  // Access and state
  unauthenticated: final(401, 'Credentials are missing or wrong', 'Send valid credentials.'),
  foreign_origin: final(
    403,
    'The request comes from a page of another origin',
    'Send changes from a program, or from a page of this service.',
  ),
  insufficient_scope: final(403, 'The credential may only read', 'Use a credential with the write scope.'),
  outside_limits: final(
    403,
    'The credential is limited',
    'Use a credential whose limits allow it, or have them changed by one that is not limited.',
  ),
  wrong_key: final(
    403,
    'The key does not open this file',
    'Use the private key that belongs to one of the recipients the export was sealed to.',
  ),
  key_in_address: final(
    400,
    'The private key is in the address',
    'Send it in the header X-Private-Key, and replace the one that was sent: proxies may have recorded it.',
  ),
  link_invalid: final(403, 'The download link is not valid', 'Ask for the export again to get a new link.'),
  link_expired: final(410, 'The download link has expired', 'Ask for the export again to get a new link.'),
  not_found: final(404, 'Not found', 'Check the address and the id.'),
  method_not_allowed: final(405, 'Method not allowed', 'Use one of the methods that the Allow header lists.'),
  not_ready: retryable(409, 'The export is not finished yet', 'Wait until its status is COMPLETED.'),
  no_file: final(409, 'The export left no file', 'Read its errors, fix the cause, and resubmit it.'),
  gone: final(410, 'The files of this export are gone', 'Resubmit the export to make them again.'),
  already_ended: final(409, 'The export has already ended', 'Ask for the export to see how it ended.'),
  not_sealed: final(400, 'The export is not sealed', 'Leave the private key out.'),
  range_not_satisfiable: final(
    416,
    'The range lies outside the file',
    'Request a range within the file; Content-Range gives its size.',
  ),
  precondition_failed: final(412, 'The file is not the one you expect', 'Fetch the export again to learn its ETag.'),
  rate_limited: retryable(429, 'Too many requests', 'Wait for the number of seconds in Retry-After.'),
  too_many_exports: retryable(429, 'Too many exports are running', 'Wait until one of them has ended, or cancel one.'),
  // Requests
  duplicate_request: final(
    400,
    'The same data has been requested already',
    'Download that request, wait for it, or delete it first.',
  ),
  not_available: retryable(400, 'The request has no file', 'Download a request whose state is Available.'),
  // Periodic exports
  unknown_file: final(400, 'Unknown file', 'Use one of the files that the answer lists.'),
  unknown_file_type: final(400, 'Unknown file type', 'Use one of the file types that the answer lists.'),
  foreign_organisation: final(
    404,
    'The organisation is not the one of the credential',
    'Leave the organisation out, or send the key of your own tenant.',
  ),
  already_enabled: final(
    409,
    'Periodic exports are enabled already',
    'Keep using your key, rotate to get a new one, or disable them first.',
  ),
  recipient_kept: final(
    409,
    'The kept files are sealed to another recipient',
    'Enable without a recipient to keep the old one, then rotate; or disable with deleteSettings=true.',
  ),
  not_enabled: final(404, 'Periodic exports are not enabled', 'Enable them first.'),
  not_produced: retryable(
    404,
    'The files have not been produced yet',
    'Try again later; the status says how far the run is.',
  ),
  settings_busy: retryable(
    503,
    'A run that is ending still holds files',
    'Repeat the request; it continues where it stopped.',
  ),
  // Recurring exports
  schema_changed: final(
    409,
    'The columns of the entity have changed',
    'Wait until the operator accepts the change; the entity then continues where it stopped.',
  ),
  ack_mismatch: final(
    409,
    'What was received is not what was delivered',
    'Fetch the named entities of the day again, and acknowledge once more.',
  ),
  // Push delivery
  push_not_offered: final(
    404,
    'This deployment offers no push delivery',
    'Ask the operator to set it up (WAYBILL_SECRETS_KEY), or fetch the files.',
  ),
  destination_refused: final(
    400,
    'The destination has an address that the operator does not allow',
    'Use a public address, with https for a bucket, or ask the operator to allow this one.',
  ),
  destination_login: final(
    502,
    'The destination does not accept the credentials',
    'Check the user and the key, and change the destination.',
  ),
  destination_rejected: final(
    502,
    'The destination does not take the files',
    'Check that the directory or bucket exists, that it may be written, listed and cleared, and that it has room.',
  ),
  destination_unavailable: retryable(
    503,
    'The destination cannot be reached',
    'Check its address, and that it accepts connections from this service.',
  ),
  host_key_mismatch: final(
    502,
    'The server has another host key than the one that is pinned',
    'Make sure that it is your server, then change the host key of the destination.',
  ),
  // Webhooks
  webhooks_not_offered: final(
    404,
    'This deployment offers no webhooks',
    'Ask the operator to set them up (WAYBILL_SECRETS_KEY), or poll the status.',
  ),
  webhook_refused: final(
    400,
    'The webhook has an address that the operator does not allow',
    'Use an https address on the public internet, or ask the operator to allow this one.',
  ),
  webhook_unavailable: retryable(
    503,
    'The webhook cannot be reached',
    'Check its address, and that it answers requests from this service within 15 seconds.',
  ),
  webhook_rejected: final(
    502,
    'The webhook did not answer with 2xx',
    'Let it answer with 2xx as soon as it has stored the event. Redirects are not followed.',
  ),
  // Outcomes and dependencies
  replaced: final(
    409,
    'The settings changed while the run was under way',
    'Nothing to do; a run with the new settings follows.',
  ),
  cancelled: final(409, 'The export was cancelled', 'Resubmit the export if you still want it.'),
  source_changed: final(
    409,
    'The source changed while it was being read',
    'Resubmit the export; it will read a new snapshot.',
  ),
  xlsx_too_large: final(
    409,
    'The rows do not fit into a sheet of Excel',
    'Order PARQUET or CSV, or choose a shorter window or a filter.',
  ),
  too_many_files: final(
    409,
    'The export would be divided into too many files',
    'Order more rows per file, or choose a shorter window or a filter.',
  ),
  not_representable: final(
    409,
    'The format cannot hold the data',
    'Order another format, or leave out the column that the message names.',
  ),
  dataset_broken: final(
    500,
    'The dataset cannot be read as the catalog describes it',
    'Contact the operator; the catalog and the warehouse disagree.',
  ),
  warehouse_misconfigured: final(500, 'The warehouse is not set up correctly', 'Contact the operator.'),
  memory_exhausted: final(
    507,
    'The export needs more memory than the operator allows',
    'Choose a shorter window or fewer columns, or ask the operator for more memory.',
  ),
  disk_full: retryable(
    507,
    'A worker has no disk space left',
    'Try again later; if it persists, contact the operator.',
  ),
  warehouse_unavailable: retryable(503, 'The warehouse cannot be reached', 'Try again later.'),
  objects_unavailable: retryable(503, 'The object store cannot be reached', 'Try again later.'),
  objects_full: retryable(507, 'The object store is full', 'Contact the operator.'),
  ledger_unavailable: retryable(503, 'The ledger cannot be reached', 'Try again later.'),
  temporal_unavailable: retryable(503, 'The scheduler of exports cannot be reached', 'Try again later.'),
  mail_unavailable: retryable(503, 'The mail server cannot be reached', 'Try again later.'),
  mail_refused: final(
    502,
    'The mail server refused the message',
    'Check the addresses of the contacts and the sender.',
  ),
  issuer_unavailable: retryable(
    503,
    'The issuer of the token cannot be reached',
    'Try again later, or use a credential of this service.',
  ),
  object_damaged: final(
    500,
    'A stored file is not what the manifest says',
    'Resubmit the export, and contact the operator.',
  ),
  internal: retryable(
    500,
    'Something went wrong on our side',
    'Try again later; if it persists, give the operator the request id.',
  ),
} satisfies Record<string, FailureKind>;

export type FailureCode = keyof typeof FAILURES;

/** How an export failed, as shown by the ledger, the API and the Temporal UI. */
export interface Failure {
  readonly code: FailureCode;
  /** One sentence: what happened, to which thing, what to do next. Contains no host, SQL, path, key, row or other tenant. */
  readonly message: string;
}

/** A failure as operators see it in Temporal and in the log. Callers are never told the cause. */
export interface ExplainedFailure extends Failure {
  /** What broke, such as a table, a column, a file or a host. Contains no row and no secret. */
  readonly cause?: string;
}

/** @returns the details of a failure of Temporal that tell the cause, if there is one */
export function causeDetails({ cause }: ExplainedFailure): readonly Pick<ExplainedFailure, 'cause'>[] {
  return cause === undefined ? [] : [{ cause }];
}

/**
 * Thrown by adapters and activities for a cause in the table. `cause` may name hosts and paths, but quotes no row
 * and no secret; operators find it in the log and in Temporal, and callers never see it.
 */
export class WaybillError extends Error {
  override readonly name = 'WaybillError';
  readonly code: FailureCode;
  /** Name of the invalid field, if any. */
  readonly field: string | undefined;
  /** Accepted values, if they can be listed. */
  readonly allowed: readonly string[] | undefined;

  constructor(
    code: FailureCode,
    message?: string,
    more: { readonly cause?: unknown; readonly field?: string; readonly allowed?: readonly string[] } = {},
  ) {
    super(message ?? `${FAILURES[code].title}. ${FAILURES[code].advice}`, { cause: more.cause });
    this.code = code;
    this.field = more.field;
    this.allowed = more.allowed;
  }
}

export function isFailureCode(text: string): text is FailureCode {
  return Object.hasOwn(FAILURES, text);
}
