/** Milliseconds that one health question may take. */
const ANSWER_MS = 2_000;

/** @returns whether a URL answers with a status of success */
export async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
  await response.body?.cancel();
  return response.ok;
}
