import { readdir, readFile } from 'node:fs/promises';
import type { ProcessHandle } from '../stack/process.ts';

/** Clock ticks in a second of what /proc tells of CPU time; the same on all architectures of Linux. */
const TICKS = 100;

/**
 * PostgreSQL has a process for each connection, so one process says little of it.
 *
 * @returns CPU seconds of a process and its descendants since their start, those that have ended included. Linux only
 *
 * Source: proc_pid_stat(5): ppid, utime, stime, cutime, cstime.
 */
export async function readCpuOfTree({ pid }: ProcessHandle): Promise<number> {
  const processes = await readProcesses();
  if (pid === undefined || !processes.has(pid)) {
    throw new Error('The CPU time of a process cannot be read: this benchmark needs Linux.');
  }
  const children = Map.groupBy(processes.entries(), ([, { parent }]) => parent);
  const ticksOf = (id: number): number =>
    (children.get(id) ?? []).reduce((sum, [child]) => sum + ticksOf(child), processes.get(id)?.ticks ?? 0);
  return ticksOf(pid) / TICKS;
}

interface Seen {
  readonly parent: number;
  /** Its own, and those of children that have ended. */
  readonly ticks: number;
}

async function readProcesses(): Promise<ReadonlyMap<number, Seen>> {
  const ids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  const processes = new Map<number, Seen>();
  for (const id of ids) {
    const stat = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined) continue;
    // The name, in parentheses, may hold anything. Behind it: state, ppid, …, and utime to cstime as the 12th to 15th field.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    processes.set(id, { parent: Number(fields[1]), ticks });
  }
  return processes;
}

/** @returns the processors' seconds since the start of the machine: all, and those that they were idle or waited for disks */
export async function readProcessors(): Promise<{
  readonly all: number;
  readonly idle: number;
  readonly disk: number;
}> {
  const [, ...fields] = ((await readFile('/proc/stat', 'utf8')).split('\n')[0] ?? '').split(/\s+/);
  const seconds = fields.slice(0, 8).map((field) => Number(field) / TICKS);
  return { all: seconds.reduce((sum, one) => sum + one, 0), idle: seconds[3] ?? 0, disk: seconds[4] ?? 0 };
}
