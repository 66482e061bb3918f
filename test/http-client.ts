/** A client of the API with one credential. */
export interface HttpClient {
  request(
    method: string,
    path: string,
    options?: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<Response>;
}

/** Adds what both kinds of clients need to their typed calls. */
export function createHttpClient(url: string, credential: Readonly<Record<string, string>>) {
  const request: HttpClient['request'] = (method, path, { body, headers = {} } = {}) =>
    fetch(`${url}${path}`, {
      method,
      headers: { ...credential, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  const succeed: HttpClient['request'] = async (method, path, options) => {
    const response = await request(method, path, options);
    // Without the query, which may hold a key.
    const [resource] = path.split('?');
    if (!response.ok) throw new Error(`${response.status} ${method} ${resource}: ${await response.text()}`);
    return response;
  };

  return {
    request,
    /** @throws Error unless the request succeeds */
    async json<Answer>(...args: Parameters<typeof request>): Promise<Answer> {
      return (await (await succeed(...args)).json()) as Answer;
    },
    /** @throws Error unless the request succeeds */
    async bytes(...args: Parameters<typeof request>): Promise<Buffer> {
      return Buffer.from(await (await succeed(...args)).arrayBuffer());
    },
  };
}
