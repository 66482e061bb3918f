import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeJobId } from '../../contracts/job-id.ts';
import { compareCsv, ROWS, timeOf } from './source.ts';

/** Counts of calls, and responses that no caller may ever see. */
export interface LoadReport {
  ordered: number;
  cancelled: number;
  downloaded: number;
  /** Responses to retry later, and connections that were cut. */
  refused: number;
  /** Responses of status 500, and wrong downloads that looked complete. */
  readonly violations: string[];
}

interface Ordered {
  readonly exportId: string;
  readonly from: number;
  readonly to: number;
  /** Sealed or compressed: the file is not the CSV itself. */
  readonly wrapped: boolean;
}

const CALL_MS = 60_000;
/** Maximum number of open orders. */
const OPEN_MAX = 6;

/**
 * Orders exports, cancels every fifth and downloads the others until it is stopped. Like a patient client it goes on after
 * a 503 or a cut connection.
 *
 * @param recipient age recipient that half of the exports are sealed to
 */
export async function runLoad(url: string, recipient: string, stopping: AbortSignal): Promise<LoadReport> {
  const report: LoadReport = { ordered: 0, cancelled: 0, downloaded: 0, refused: 0, violations: [] };
  const headers = { 'api-key': 'dreambuilder-demo-secret', 'content-type': 'application/json' };
  const open: Ordered[] = [];

  async function call(method: string, path: string, body?: unknown): Promise<Response | undefined> {
    try {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers,
        signal: AbortSignal.timeout(CALL_MS),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (answer.status === 503 || answer.status === 429) {
        report.refused += 1;
        if (!answer.headers.has('retry-after')) report.violations.push(`${answer.status} without Retry-After: ${path}`);
        await answer.body?.cancel();
        return undefined;
      }
      if (answer.status >= 500) report.violations.push(`${method} ${path}: ${answer.status} ${await answer.text()}`);
      return answer;
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError')
        report.violations.push(`${method} ${path}: no answer`);
      report.refused += 1;
      return undefined;
    }
  }

  async function order(): Promise<void> {
    const size = randomInt(4) === 0 ? randomInt(100_000, ROWS) : randomInt(10, 2000);
    const from = randomInt(ROWS - size);
    const to = from + size;
    const wrapped = randomInt(2) === 0;
    const answer = await call('POST', '/exports', {
      exportType: 'EVENTS',
      format: 'CSV',
      startDate: timeOf(from),
      endDate: timeOf(to),
      ...(wrapped && { compression: 'gzip', recipients: [recipient] }),
    });
    if (!answer) return;
    if (!answer.ok) {
      report.violations.push(`an order was refused with ${answer.status}: ${await answer.text()}`);
      return;
    }
    const { job } = (await answer.json()) as { job: { id: string } };
    const exportId = decodeJobId(job.id)?.runId ?? '';
    report.ordered += 1;
    if (report.ordered % 5 === 0) {
      await delay(randomInt(1500));
      const answered = await call('DELETE', `/exports/${exportId}`);
      await answered?.body?.cancel();
      if (answered?.ok) report.cancelled += 1;
    } else {
      open.push({ exportId, from, to, wrapped });
    }
  }

  async function download({ exportId, from, to, wrapped }: Ordered): Promise<void> {
    const answer = await call('GET', `/exports/${exportId}/file`);
    if (!answer) return;
    if (!answer.ok) {
      await answer.body?.cancel();
      report.violations.push(`the file of a completed export was refused with ${answer.status}`);
      return;
    }
    let file: Buffer;
    try {
      file = Buffer.from(await answer.arrayBuffer());
    } catch {
      report.refused += 1;
      return;
    }
    report.downloaded += 1;
    const problem = wrapped ? undefined : compareCsv(file, from, to);
    if (problem !== undefined) report.violations.push(`the download of ${exportId} ended well and ${problem}`);
  }

  async function downloadIfReady(ordered: Ordered): Promise<void> {
    const answer = await call('GET', `/exports/${ordered.exportId}`);
    if (!answer?.ok) {
      await answer?.body?.cancel();
      return;
    }
    const { status } = (await answer.json()) as { status: string };
    if (status === 'PENDING') return;
    open.splice(open.indexOf(ordered), 1);
    if (status === 'COMPLETED') await download(ordered);
  }

  while (!stopping.aborted) {
    if (open.length < OPEN_MAX) await order();
    for (const ordered of [...open]) await downloadIfReady(ordered);
    await delay(200);
  }
  return report;
}
