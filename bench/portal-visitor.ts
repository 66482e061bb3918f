import type { Bench } from './benchmark.ts';
import type { Deployment } from './deployment.ts';
import { TENANT } from './readings.ts';

/** Logs into the portal with the credential of the deployment's tenant, without a browser. @returns the cookies, for a header */
export async function logIntoPortal({ signal }: Bench, { servers, secret }: Deployment): Promise<string> {
  const url = `${servers.urls.api}/portal/login`;
  const page = await fetch(url, { signal });
  const [, csrf] = /name="csrf" value="([^"]+)"/.exec(await page.text()) ?? [];
  if (csrf === undefined) throw new Error('The log-in page has no form.');
  const answer = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookiesOf(page), origin: servers.urls.api },
    body: new URLSearchParams({ csrf, client_id: TENANT, client_secret: secret }),
    signal,
  });
  await answer.body?.cancel();
  if (answer.status !== 303) throw new Error(`The portal refused to log in: ${answer.status}.`);
  return cookiesOf(answer);
}

/** Of a name that is set twice, the last value counts. */
function cookiesOf({ headers }: Response): string {
  const cookies = headers.getSetCookie().map((cookie) => (cookie.split(';', 1)[0] ?? '').split('='));
  const values = new Map(cookies.map(([name = '', value = '']) => [name, value]));
  return [...values].map(([name, value]) => `${name}=${value}`).join('; ');
}
