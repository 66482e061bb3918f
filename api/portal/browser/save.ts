/** Where opened files are saved. */

interface Pickers {
  showSaveFilePicker?(options: { suggestedName: string; id: string; startIn: string }): Promise<FileSystemFileHandle>;
  showDirectoryPicker?(options: { mode: 'readwrite'; id: string; startIn: string }): Promise<FileSystemDirectoryHandle>;
}

const pickers = window as unknown as Pickers;

/** Content that fits into memory, on browsers that cannot write to disk. Bytes. */
export const MEMORY_BYTES_MAX = 2_000_000_000;

/** @returns whether files of any size can be written */
export function canStream(): boolean {
  return pickers.showSaveFilePicker !== undefined;
}

/** Gives each file a place; `null` is memory. */
export type Places = (name: string) => Promise<FileSystemFileHandle | null>;

const DIALOG = { id: 'waybill-open', startIn: 'downloads' } as const;

/**
 * Asks where to save: one file, or a folder for several. To be called while the browser still knows that a button was pressed.
 *
 * @throws DOMException `AbortError` if the reader chose nothing
 */
export async function choosePlaces(names: readonly string[]): Promise<Places> {
  const [first = ''] = names;
  if (names.length > 1 && pickers.showDirectoryPicker) {
    const folder = await pickers.showDirectoryPicker({ mode: 'readwrite', ...DIALOG });
    return async (name) => folder.getFileHandle(await freeName(folder, name), { create: true });
  }
  if (names.length === 1 && pickers.showSaveFilePicker) {
    const handle = await pickers.showSaveFilePicker({ suggestedName: first, ...DIALOG });
    return async () => handle;
  }
  return async () => null;
}

/** A file that is there already is never replaced. */
async function freeName(folder: FileSystemDirectoryHandle, name: string): Promise<string> {
  const [stem, extension] = name.includes('.')
    ? [name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.'))]
    : [name, ''];
  for (let count = 1; ; count += 1) {
    const candidate = count === 1 ? name : `${stem} (${count})${extension}`;
    try {
      await folder.getFileHandle(candidate);
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotFoundError') return candidate;
      if (error instanceof DOMException && error.name === 'TypeMismatchError') continue;
      throw error;
    }
  }
}

/** Saves content that is in memory, as a download. */
export function saveFromMemory(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser has taken the content over once it has begun; a minute is enough for any of them to begin.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
