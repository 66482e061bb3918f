import { basename, dirname, join } from 'node:path';
import type { GenerationFile, GenerationManifest, GenerationObject } from '../../contracts/generation.ts';
import { formatExtension, PERIODIC_FORMATS, type PeriodicFormat } from '../../contracts/order.ts';
import { sizeOf } from './locate.ts';

/** One file of a generation, in one format, on this disk. */
export interface LocatedFile {
  readonly entry: GenerationFile;
  /** As its name says. */
  readonly format: PeriodicFormat;
  /** Whether it is as it was stored, an age file, or has been opened. */
  readonly form: 'sealed' | 'opened';
  /** What it should be a copy of. */
  readonly object: GenerationObject;
  readonly file: string;
  /** A count of bytes; `null`: there is no such file. */
  readonly bytesThere: number | null;
}

/**
 * Finds the files of a generation beside its manifest: `<file>.<extension>.age`, or as the bucket names it, and
 * `<file>.<extension>`, opened. Of a format that is there at all every file should be; a missing one has `bytesThere` null.
 *
 * @returns empty: no file in any format is there
 */
export function locateFiles({ files }: GenerationManifest, manifestFile: string): readonly LocatedFile[] {
  const directory = dirname(manifestFile);
  return PERIODIC_FORMATS.flatMap((format) => {
    const found = files.map((entry) => locateFile(entry, format, directory));
    const [example] = found.flat();
    if (example === undefined) return [];
    return found.flatMap((located, index) => {
      const entry = files[index];
      if (located.length > 0 || entry === undefined) return located;
      const { form } = example;
      const file = join(directory, fileName(entry, format, form));
      return [{ entry, format, form, object: entry.objects[format], file, bytesThere: null }];
    });
  });
}

function locateFile(entry: GenerationFile, format: PeriodicFormat, directory: string): readonly LocatedFile[] {
  const names = [
    ['sealed', fileName(entry, format, 'sealed')],
    ['sealed', entry.objects[format].name],
    ['opened', fileName(entry, format, 'opened')],
  ] as const;
  const located = names.map(([form, name]) => {
    const file = join(directory, name);
    const bytesThere = sizeOf(file);
    const object = entry.objects[form === 'opened' ? openedFormat(entry, format, bytesThere) : format];
    return { entry, format, form, object, file, bytesThere };
  });
  const there = located.filter(({ bytesThere }) => bytesThere !== null);
  return there.filter(({ file }, index) => there.findIndex((other) => other.file === file) === index);
}

/** The server gives JSON that it has opened the same name with and without types: its size tells which it is. */
function openedFormat({ objects }: GenerationFile, format: PeriodicFormat, bytes: number | null): PeriodicFormat {
  const isTyped =
    format === 'json' && bytes !== objects.json.contentBytes && bytes === objects['typed-json'].contentBytes;
  return isTyped ? 'typed-json' : format;
}

function fileName({ file }: GenerationFile, format: PeriodicFormat, form: LocatedFile['form']): string {
  return `${file}.${formatExtension(format)}${form === 'sealed' ? '.age' : ''}`;
}

/** What it is called in lists. */
export function nameOf({ file }: LocatedFile): string {
  return basename(file);
}
