import { createHash } from 'node:crypto';
import type { ManifestFile } from '../../contracts/manifest.ts';
import { isWrongPassword, unzip } from '../../streams/unzip.ts';
import { plain } from '../screen/terminal.ts';

/**
 * Compares the entries of an archive with its manifest. Attachments, which the manifest does not list, are only read.
 *
 * @returns problems, each the rest of a sentence about the archive
 */
export async function checkEntries(
  path: string,
  { members = [], encryption }: Pick<ManifestFile, 'members' | 'encryption'>,
  password: string | undefined,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const missing = new Map(members.map((member) => [member.name, member]));
  try {
    for await (const entry of unzip(path, password)) {
      const name = plain(entry.name);
      if (encryption && !entry.isEncrypted) problems.push(`holds ${name}, which is not encrypted`);
      const hash = createHash('sha256');
      let bytes = 0;
      await entry.read((chunk) => {
        hash.update(chunk);
        bytes += chunk.length;
      });
      const member = missing.get(entry.name);
      if (!member) continue;
      missing.delete(entry.name);
      if (bytes !== member.bytes) problems.push(`holds ${name} with ${bytes} bytes instead of ${member.bytes}`);
      else if (member.sha256 !== null && hash.digest('hex') !== member.sha256) {
        problems.push(`holds ${name} with another SHA-256`);
      }
    }
  } catch (error) {
    if (isWrongPassword(error)) return ['does not open with this password'];
    return [`cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
  for (const name of missing.keys()) problems.push(`does not hold ${plain(name)}`);
  return problems;
}
