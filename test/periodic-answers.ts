import { expect } from 'vitest';
import type { PeriodicClient } from './periodic-door.ts';

/** A file that every catalog of these tests has, as a query asks for it. */
export const USERS = 'file=user&fileType=csv';

/** What is wrong, and what would be right, as a problem document tells. */
export async function problemOf(answer: Response): Promise<{
  readonly code: string;
  readonly detail: string;
  readonly allowed?: readonly string[];
}> {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  return (await answer.json()) as Awaited<ReturnType<typeof problemOf>>;
}

/** Status and code of an answer that is a problem document. */
export async function codeOf(asked: Promise<Response>): Promise<readonly [number, string]> {
  const answer = await asked;
  return [answer.status, (await problemOf(answer)).code];
}

/** Asks for a file with this key. */
export function ask(client: PeriodicClient, privateKey: string, query = USERS): Promise<Response> {
  return client.request('GET', `/dataexport/download?${query}`, { headers: { 'x-private-key': privateKey } });
}
