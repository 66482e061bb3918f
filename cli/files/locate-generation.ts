import { basename, dirname, join } from 'node:path';
import { FILE_TYPES, type FileType, type GenerationFile, type GenerationManifest } from '../../contracts/generation.ts';
import { sizeOf } from './locate.ts';

/** One file of a generation, in one file type, on this disk. */
export interface LocatedFile {
  readonly entry: GenerationFile;
  readonly fileType: FileType;
  /** Whether it is as it was stored, an age file, or has been opened. */
  readonly form: 'sealed' | 'opened';
  readonly file: string;
  /** A count of bytes; `null`: there is no such file. */
  readonly bytesThere: number | null;
}

/**
 * Finds the files of a generation beside its manifest: `<file>.<type>.age`, or as the bucket names it, and `<file>.<type>`,
 * opened. Of a file type that is there at all every file should be, and one that is not is told with `bytesThere` null.
 *
 * @returns empty: no file of any type is there
 */
export function locateFiles({ files }: GenerationManifest, manifestFile: string): readonly LocatedFile[] {
  const directory = dirname(manifestFile);
  return FILE_TYPES.flatMap((fileType) => {
    const found = files.map((entry) => locateFile(entry, fileType, directory));
    const [example] = found.flat();
    if (example === undefined) return [];
    return found.flatMap((located, index) => {
      const entry = files[index];
      if (located.length > 0 || entry === undefined) return located;
      const file = join(directory, fileName(entry, fileType, example.form));
      return [{ entry, fileType, form: example.form, file, bytesThere: null }];
    });
  });
}

function locateFile(entry: GenerationFile, fileType: FileType, directory: string): readonly LocatedFile[] {
  const names = [
    ['sealed', fileName(entry, fileType, 'sealed')],
    ['sealed', entry.objects[fileType].name],
    ['opened', fileName(entry, fileType, 'opened')],
  ] as const;
  const located = names.map(([form, name]) => {
    const file = join(directory, name);
    return { entry, fileType, form, file, bytesThere: sizeOf(file) };
  });
  const there = located.filter(({ bytesThere }) => bytesThere !== null);
  return there.filter(({ file }, index) => there.findIndex((other) => other.file === file) === index);
}

function fileName({ file }: GenerationFile, fileType: FileType, form: LocatedFile['form']): string {
  return `${file}.${fileType}${form === 'sealed' ? '.age' : ''}`;
}

/** What it is called in lists. */
export function nameOf({ file }: LocatedFile): string {
  return basename(file);
}
