import { readFile } from 'node:fs/promises';
import type { ProcessHandle } from '../stack/process.ts';

/** @returns MiB of a process's peak resident set. Source: proc_pid_status(5), VmHWM, in KiB. Linux only */
export async function readPeak({ pid }: ProcessHandle): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (peak === undefined) throw new Error('The peak of a process cannot be read: this benchmark needs Linux.');
  return Number(peak) / 1024;
}
