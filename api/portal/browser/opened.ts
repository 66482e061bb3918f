/** @returns the name without `.age` */
export function openedName(name: string): string {
  return /.\.age$/i.test(name) ? name.slice(0, -'.age'.length) : `${name}.opened`;
}

const PACKED: readonly (readonly [ending: RegExp, text: string])[] = [
  [/\.gz$/i, 'Only its seal was opened: it is still compressed. gunzip and most programs read it.'],
  [/\.zst$/i, 'Only its seal was opened: it is still compressed. zstd -d unpacks it.'],
  [/\.zip$/i, 'Only its seal was opened: it is a ZIP archive.'],
];

/** @returns a word about content that is packed, or nothing */
export function packedText(name: string): string {
  return PACKED.find(([ending]) => ending.test(name))?.[1] ?? '';
}

/** @returns the recipient as it is told apart at a glance, for example age1ql3…cac8p */
export function shortened(recipient: string): string {
  return `${recipient.slice(0, 7)}…${recipient.slice(-5)}`;
}

/**
 * @param sealedTo empty: unknown, because a sealed file does not name its recipients
 * @param mine recipients of the keys that were tried, at least one
 */
export function wrongKeyText(sealedTo: readonly string[], mine: readonly string[]): string {
  const yours = `yours ${mine.length === 1 ? 'is' : 'are'} ${mine.map(shortened).join(', ')}`;
  const others = sealedTo.length > 0 ? sealedTo.map(shortened).join(', ') : 'somebody else';
  return `This key does not open the file: it is sealed to ${others}, ${yours}.`;
}
