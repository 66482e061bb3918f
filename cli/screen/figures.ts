/** Values as people read them. */

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];

/** `1234567` -> `1,234,567` */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** Decimal units, three digits: `999 B`, `1.23 MB`, `45.6 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 would be shown as 1000.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const text = unit === 0 ? String(value) : value.toPrecision(3);
  return `${text} ${UNITS[unit]}`;
}

/** `0:07`, `12:34`, `1:02:03` */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** `2026-11-21 07:41:13` in UTC, for lists. */
export function formatTime(iso: string | null): string {
  return iso === null ? '' : iso.slice(0, 19).replace('T', ' ');
}

/** Singular or plural: `1 part`, `3 parts`. */
export function formatNumberOf(count: number, word: string): string {
  return `${formatCount(count)} ${word}${count === 1 ? '' : 's'}`;
}

/** Shortens post-quantum recipients, which have 1,959 characters. */
export function formatRecipient(recipient: string): string {
  return recipient.length > 70 ? `${recipient.slice(0, 40)}…${recipient.slice(-8)}` : recipient;
}
