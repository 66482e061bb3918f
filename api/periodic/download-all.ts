import { type ZipEntry, zip } from '../../streams/zip.ts';
import { attachment } from '../http/download.ts';
import type { RouteAnswer } from '../openapi.ts';
import { admit, notProduced, openingOf } from './access.ts';
import { contentLength, contentName, openContent } from './content.ts';
import { type DownloadDeps, findFile, offeredFiles, sendContent } from './download.ts';
import { assertOwn } from './query.ts';
import type { downloadAllPeriodic } from './routes.ts';

/** Answers GET and HEAD of `/dataexport/downloadAll`: every file of one generation in one zip, flat. */
export function downloadAllHandler(deps: DownloadDeps): RouteAnswer<typeof downloadAllPeriodic> {
  const names = offeredFiles(deps);
  return async function downloadAll(c) {
    const query = c.req.valid('query');
    assertOwn(c, query.organisation);
    const opening = openingOf(query, c.req.valid('header')['x-private-key']);
    const shape = { fileType: query.fileType, typed: query.parseJsonDataTypes };
    const { key: tenant } = c.get('caller').tenant;
    const admission = await admit(deps, tenant, opening);
    const { manifest, key } = admission;
    const form = { ...shape, key };
    const files = names.flatMap((name) => findFile(manifest, name, form) ?? []);
    if (files.length === 0) throw notProduced();
    const modifiedAt = new Date(manifest.snapshotAt);
    const source = (signal: AbortSignal) =>
      firstProven(
        files.map((file) => ({
          name: contentName(file, form),
          modifiedAt,
          bytesMax: contentLength(file, form),
          open: () => openContent(deps.objects, admission, file, form, signal),
        })),
        signal,
      );
    const headers = {
      'Content-Type': 'application/zip',
      'Content-Disposition': attachment(`${tenant}-${form.fileType}-${manifest.snapshotAt.slice(0, 10)}.zip`),
    };
    return sendContent(c, deps, { admission, opening, form, headers, source, file: '*' });
  };
}

/** The zip, whose first byte comes only when the first file has been opened, so that what fails at once can be told. */
async function* firstProven(entries: readonly ZipEntry[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const [first, ...rest] = entries;
  if (!first) return;
  const content = first.open()[Symbol.asyncIterator]();
  try {
    const start = await content.next();
    const open = async function* () {
      for (let next = start; !next.done; next = await content.next()) yield next.value;
    };
    yield* zip([{ ...first, open }, ...rest], signal);
  } finally {
    await content.return?.();
  }
}
