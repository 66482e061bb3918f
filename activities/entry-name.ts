/** Entries of archives may be in folders; {@link entryName} makes such names. */
export const ENTRY_NAME = /^(?:[^/\\:\0]+\/)*[^/\\:\0]+$/;

/** What file systems do not take, and what hides or reverses text. Source: Microsoft, "Naming Files, Paths, and Namespaces". */
const UNSAFE = /[/\\:*?"<>|\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Names of devices, with whatever extension. Source: as above. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\.|$)/i;

/** In bytes of UTF-8: a name of a file has at most 255 in common file systems. */
const NAME_BYTES_MAX = 200;

/**
 * A path inside an archive that no reader takes out of its directory, and that every file system takes.
 *
 * @param path folders, then the file; texts of tenants
 */
export function entryName(path: readonly string[]): string {
  return path.map(safeName).join('/');
}

function safeName(text: string): string {
  const plain = text.toWellFormed().replace(UNSAFE, '_').trimStart();
  const name = shortened(DEVICE.test(plain) ? `_${plain}` : plain);
  return name.replace(/[. ]+$/, '') || '_';
}

/** Keeps the extension. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= NAME_BYTES_MAX) return name;
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? '';
  let kept = '';
  for (const character of name.slice(0, name.length - extension.length)) {
    if (Buffer.byteLength(kept + character + extension) > NAME_BYTES_MAX) break;
    kept += character;
  }
  return kept + extension;
}
