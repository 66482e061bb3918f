import { REQUESTS_PATH } from '../contracts/requests.ts';
import type { RequestRow } from '../contracts/views/requests.ts';
import { readZip } from './archive.ts';
import { basic } from './context.ts';
import { createHttpClient } from './http-client.ts';
import { waitUntil } from './wait-until.ts';

/** The four fields of a request's form. */
export type Form = Readonly<Record<'realm' | 'start_date' | 'end_date' | 'format', string>>;

/** A year of which the sample has rows. */
export const YEAR: Form = { realm: 'Jobs', start_date: '2016-01-01', end_date: '2016-12-31', format: 'CSV' };

/** What the calls that change something answer, errors included. */
export interface Answer {
  readonly success: boolean;
  readonly message: string;
  readonly data: readonly { readonly id: number }[];
  readonly total: number;
}

/** A client of the request portal with one credential. */
export function createRequestsClient(url: string, clientId = 'dreambuilder', secret = `${clientId}-demo-secret`) {
  const authorization = basic(clientId, secret);
  const http = createHttpClient(`${url}${REQUESTS_PATH}`, { authorization });
  const list = async () => (await http.json<{ data: RequestRow[] }>('GET', '/requests')).data;
  const show = async (id: number) => (await list()).find((request) => request.id === id);
  const post = async (form: Readonly<Record<string, string>>) =>
    fetch(`${url}${REQUESTS_PATH}/request`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams(form),
    });
  return {
    ...http,
    list,
    show,
    post,
    /** @returns the id */
    async submit(form: Partial<Form> = {}): Promise<number> {
      const response = await post({ ...YEAR, ...form });
      const answer = (await response.json()) as Answer;
      if (!response.ok) throw new Error(answer.message);
      return answer.data[0]?.id ?? 0;
    },
    /** Waits until the request is in one of these states. */
    async until(id: number, ...states: readonly string[]): Promise<RequestRow> {
      const row = await waitUntil(
        () => show(id),
        (request) => request !== undefined && states.includes(request.state),
        60,
      );
      return row as RequestRow;
    },
    remove: (ids: readonly number[]) => http.request('DELETE', '/requests', { body: ids }),
    /** @returns the entries of the archive, and its name */
    async download(id: number) {
      const response = await http.request('GET', `/download/${id}`);
      if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
      const entries = await readZip(Buffer.from(await response.arrayBuffer()));
      return { entries, disposition: response.headers.get('content-disposition') ?? '', headers: response.headers };
    },
  };
}
