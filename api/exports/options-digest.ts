import { createHash } from 'node:crypto';
import { CSV_DEFAULTS, type Order } from '../../contracts/order.ts';

/** Hex characters; 48 bits tell the few option sets that one tenant uses on one window apart. */
const DIGEST_LENGTH = 12;

/**
 * Short hash of the options that door 1's document does not know, or `''` when all have their defaults.
 * @param keepDaysDefault days that files are kept when the order does not say
 */
export function optionsDigest(order: Order, keepDaysDefault: number): string {
  const { header, delimiter, bom, nullText, formulaGuard } = order.csv;
  const options = {
    compression: order.compression === 'none' ? undefined : order.compression,
    recipients: order.recipients.length === 0 ? undefined : order.recipients,
    columns: order.columns ?? undefined,
    csv: JSON.stringify([header, delimiter, bom, nullText, formulaGuard]) === CSV_DEFAULT_TEXT ? undefined : order.csv,
    keepDays: order.keepDays === keepDaysDefault ? undefined : order.keepDays,
  };
  const text = JSON.stringify(options);
  return text === '{}' ? '' : createHash('sha256').update(text).digest('hex').slice(0, DIGEST_LENGTH);
}

const CSV_DEFAULT_TEXT = JSON.stringify([
  CSV_DEFAULTS.header,
  CSV_DEFAULTS.delimiter,
  CSV_DEFAULTS.bom,
  CSV_DEFAULTS.nullText,
  CSV_DEFAULTS.formulaGuard,
]);
