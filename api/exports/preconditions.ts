/** What a file is recognised by. */
export interface Validators {
  /** Strong entity tag with its quotes. */
  readonly etag: string;
  /** HTTP dates have whole seconds, so this has none finer. */
  readonly modifiedAt: Date;
}

type Header = (name: string) => string | undefined;

/**
 * Evaluates the conditions of a GET or HEAD in the order of RFC 9110 section 13.2.2.
 * @returns the status to end with, or `undefined` to go on
 */
export function evaluatePreconditions(header: Header, { etag, modifiedAt }: Validators): 304 | 412 | undefined {
  const ifMatch = header('if-match');
  const ifUnmodifiedSince = readDate(header('if-unmodified-since'));
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, etag, 'strong')) return 412;
  } else if (ifUnmodifiedSince !== undefined && modifiedAt > ifUnmodifiedSince) return 412;

  const ifNoneMatch = header('if-none-match');
  const ifModifiedSince = readDate(header('if-modified-since'));
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, etag, 'weak')) return 304;
  } else if (ifModifiedSince !== undefined && modifiedAt <= ifModifiedSince) return 304;
  return undefined;
}

/** Whether a Range counts: there is no `If-Range`, or it names exactly this file. Source: RFC 9110 section 13.1.5. */
export function rangeCounts(header: Header, { etag, modifiedAt }: Validators): boolean {
  const ifRange = header('if-range')?.trim();
  if (ifRange === undefined) return true;
  if (/^(?:W\/)?"/.test(ifRange)) return ifRange === etag;
  return readDate(ifRange)?.getTime() === modifiedAt.getTime();
}

function matches(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true;
  const tags = list.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => (comparison === 'weak' ? tag.replace(/^W\//, '') : tag) === etag);
}

function readDate(text: string | undefined): Date | undefined {
  const date = new Date(text ?? '');
  return Number.isNaN(date.getTime()) ? undefined : date;
}
