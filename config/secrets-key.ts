/** Bytes of a key of AES-256. */
const KEY_BYTES = 32;

/** @returns the keys, or `undefined` if the text is not one or more keys of 32 bytes in base64, separated by commas */
export function readSecretsKeys(text: string): readonly [Buffer, ...Buffer[]] | undefined {
  const [first, ...others] = text.split(',').map((key) => Buffer.from(key, 'base64'));
  if (!first || [first, ...others].some(({ length }) => length !== KEY_BYTES)) return undefined;
  return [first, ...others];
}

/** Whether {@link readSecretsKeys} reads it. */
export function isSecretsKey(text: string): boolean {
  return readSecretsKeys(text) !== undefined;
}

/** @returns the one key, or `undefined` if the text is not 32 bytes in base64 */
export function readAnonymizeKey(text: string): Buffer | undefined {
  const [key, ...others] = readSecretsKeys(text) ?? [];
  return others.length === 0 ? key : undefined;
}
