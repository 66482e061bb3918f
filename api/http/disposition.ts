/** Headers values are Latin-1; these characters would end the quoted text or need escapes that clients differ on. */
const UNSAFE = /[^\x20-\x7e]|["\\%/]/g;

/** `Content-Disposition` of a download. Source: RFC 6266, RFC 8187. */
export function attachment(name: string): string {
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${name.replace(UNSAFE, '_')}"; filename*=UTF-8''${encoded}`;
}
