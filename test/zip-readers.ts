import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { pythonWith } from '../stack/python.ts';

const READ = `
import base64, json, sys, pyzipper
with pyzipper.AESZipFile(sys.argv[1]) as archive:
    archive.setpassword(sys.stdin.buffer.read())
    for entry in archive.infolist():
        assert entry.flag_bits & 1 and entry.wz_aes_strength == 3, 'not encrypted with AES-256'
    print(json.dumps([[name, base64.b64encode(archive.read(name)).decode()] for name in archive.namelist()]))
`;

/**
 * Reads an archive with a password by pyzipper, which checks the authentication code of each entry.
 *
 * @returns each entry's content, in order
 * @throws Error if an entry is not encrypted with AES-256, the password is wrong, or the archive is damaged
 */
export async function readEncryptedZip(archive: Uint8Array, password: string): Promise<ReadonlyMap<string, Buffer>> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'waybill-zip-'));
  const path = join(folder.path, 'archive.zip');
  await writeFile(path, archive);
  const { stdout } = await execa(await pythonWith(['pyzipper==0.3.6']), ['-c', READ, path], { input: password });
  const entries = JSON.parse(stdout) as [string, string][];
  return new Map(entries.map(([name, content]) => [name, Buffer.from(content, 'base64')]));
}
