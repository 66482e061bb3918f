import type { RouteAnswer } from '../openapi.ts';
import { type AccessDeps, admit, assertStands } from './access.ts';
import { generationHeaders } from './generation-headers.ts';
import { assertOwn } from './query.ts';
import type { periodicManifest } from './routes.ts';

/** A manifest holds nothing that a key would have to open. */
const WITHOUT_KEY = { sealed: true } as const;

/** Answers GET and HEAD of `/dataexport/manifest`: the manifest of the generation that downloads are of, as it is stored. */
export function manifestHandler(deps: AccessDeps): RouteAnswer<typeof periodicManifest> {
  return async function sendManifest(c) {
    assertOwn(c, c.req.valid('query').organisation);
    const admission = await admit(deps, c.get('caller').tenant.key, WITHOUT_KEY);
    await assertStands(deps, admission, WITHOUT_KEY);
    const { bytes, manifest } = admission;
    const headers = {
      ...generationHeaders(manifest),
      'Content-Type': 'application/json',
      'Content-Length': String(bytes.byteLength),
    };
    return c.req.method === 'HEAD' ? c.body(null, 200, headers) : c.body(new Uint8Array(bytes), 200, headers);
  };
}
