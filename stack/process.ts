import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';

/** A process's environment. Only entry points read the real one and hand it on. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Another user that a process runs as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** How to start, check and stop a process. */
export interface ProcessSpec {
  /** Shown in front of its lines. */
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment: Environment;
  /** Another user to run as. */
  readonly identity?: Identity | undefined;
  /** Asks it to shut down. */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  /** Milliseconds from the stop signal to SIGKILL. */
  readonly graceMs: number;
  /** Asked repeatedly until it answers `true`; an error counts as `false`. */
  readonly ready: () => Promise<Readiness>;
  /** Milliseconds that it may take to become ready; once it has answered `recovering` it may take as long as it runs. */
  readonly readyMs: number;
  /** Matches a line that it writes when it fails only because a killed predecessor is not cleaned up yet: retried. */
  readonly retryWhen?: RegExp | undefined;
}

/** `recovering`: it reports that it is repairing its data. It must not be stopped then. */
export type Readiness = boolean | 'recovering';

/** A supervised process; command, port and data stay the same over restarts. */
export interface ProcessHandle {
  readonly name: string;
  /** `undefined` while it does not run. */
  readonly pid: number | undefined;
  /** Starts it unless it runs. @returns when it is ready. @throws StartError if it does not become ready */
  start(): Promise<void>;
  /** Sends a signal to it and its children. @returns when it has exited; for SIGSTOP and SIGCONT at once */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Shuts it down, with SIGKILL after `graceMs`. No effect unless it runs. */
  stop(): Promise<void>;
  /** Stops it if it runs, then starts it. */
  restart(): Promise<void>;
  /** Its last lines, oldest first. */
  recentLines(): readonly string[];
}

/** What to do with a process that is not ready after `readyMs`: stop it, or call a function and go on waiting. */
type WhenLate = 'stop' | ((readyMs: number) => void);

/** A process that is started only through its handle. */
export interface Process extends Omit<ProcessHandle, 'start' | 'restart'> {
  /** Starts it unless it runs. @returns when it is ready. @throws StartError if it does not become ready */
  start(whenLate: WhenLate): Promise<void>;
}

/** A process did not become ready. The message ends with its last lines. */
export class StartError extends Error {
  /** What happened, without the process's name and lines. */
  readonly reason: string;

  constructor(name: string, reason: string, lines: readonly string[]) {
    const shown = lines.slice(-LINES_SHOWN).map((line) => `\n  ${line}`);
    super(`${name} ${reason}${shown.length === 0 ? '' : `. Last output:${shown.join('')}`}`);
    this.reason = reason;
  }
}

/** Callbacks for a process's life cycle. */
export interface ProcessEvents {
  /** A line that it wrote. */
  readonly line: (name: string, line: string) => void;
  readonly started: (pid: number, stopSignal: 'SIGTERM' | 'SIGINT') => void;
  readonly ended: (pid: number) => void;
  /** It exited unexpectedly after it had been ready. */
  readonly crashed: (name: string, how: string) => void;
}

const LINES_KEPT = 100;
const LINES_SHOWN = 25;
/** Milliseconds between readiness checks; each pause is half as long again as the one before, up to the last. */
const CHECK_MS = { first: 50, last: 500 };
/** How long to wait for the children of an exited process, in milliseconds. */
const CHILDREN_MS = 3_000;
/** Milliseconds before the next try when `retryWhen` matches. */
const RETRY_MS = 250;

interface Run {
  readonly pid: number;
  /** Resolves with a description of how it ended. */
  readonly ended: Promise<string>;
  /** Whether it was asked to stop. */
  stopRequested: boolean;
  /** Whether it has been ready. */
  ready: boolean;
  /** How it ended; `undefined` while it runs. */
  how: string | undefined;
}

export function createProcess(spec: ProcessSpec, events: ProcessEvents): Process {
  const lines: string[] = [];
  let run: Run | undefined;
  let attempt: { readonly done: Promise<void>; readonly stopped: AbortController } | undefined;

  function launch(): Run {
    lines.length = 0;
    const child = spawnChild(spec);
    void readLines(child.iterable({ from: 'all' }));
    const ended = howItEnded(child);
    const launched: Run = { pid: child.pid ?? 0, ended, stopRequested: false, ready: false, how: undefined };
    if (launched.pid > 0) events.started(launched.pid, spec.stopSignal);
    void ended.then((how) => {
      launched.how = how;
      if (run === launched) run = undefined;
      if (launched.pid > 0) events.ended(launched.pid);
      if (launched.ready && !launched.stopRequested) events.crashed(spec.name, how);
    });
    return launched;
  }

  async function readLines(output: AsyncIterable<string>): Promise<void> {
    for await (const line of output) {
      lines.push(line);
      if (lines.length > LINES_KEPT) lines.shift();
      events.line(spec.name, line);
    }
  }

  async function waitUntilReady(current: Run, whenLate: WhenLate): Promise<void> {
    let deadline = Date.now() + spec.readyMs;
    let pauseMs = CHECK_MS.first;
    while (current.how === undefined) {
      const answer = await Promise.race([spec.ready().catch(() => false), current.ended.then(() => false)]);
      if (answer === true && current.how === undefined) {
        current.ready = true;
        return;
      }
      if (answer === 'recovering') deadline = Number.POSITIVE_INFINITY;
      if (Date.now() > deadline) {
        if (whenLate === 'stop') {
          await end(current);
          throw new StartError(spec.name, `was not ready after ${spec.readyMs / 1000} s`, lines);
        }
        whenLate(spec.readyMs);
        deadline = Number.POSITIVE_INFINITY;
      }
      await Promise.race([delay(pauseMs), current.ended]);
      pauseMs = Math.min(pauseMs * 1.5, CHECK_MS.last);
    }
    throw new StartError(spec.name, `${current.how} before it was ready`, lines);
  }

  async function launchUntilReady(whenLate: WhenLate, stopped: AbortSignal): Promise<void> {
    const deadline = Date.now() + spec.readyMs;
    for (;;) {
      run = launch();
      try {
        return await waitUntilReady(run, whenLate);
      } catch (error) {
        const temporary = spec.retryWhen && lines.some((line) => spec.retryWhen?.test(line));
        if (!temporary || stopped.aborted || Date.now() > deadline) throw error;
        await delay(RETRY_MS);
        if (stopped.aborted) throw error;
      }
    }
  }

  /** Ends the process if it runs, and aborts an attempt to start it. */
  async function giveUp(ending: (current: Run) => Promise<void>): Promise<void> {
    const begun = attempt;
    begun?.stopped.abort();
    if (run) await ending(run);
    await begun?.done.catch(() => undefined);
  }

  async function end(current: Run): Promise<void> {
    current.stopRequested = true;
    signalGroup(current.pid, spec.stopSignal);
    const late = setTimeout(() => signalGroup(current.pid, 'SIGKILL'), spec.graceMs);
    await current.ended;
    clearTimeout(late);
  }

  return {
    name: spec.name,
    get pid() {
      return run?.pid;
    },
    async start(whenLate) {
      if (attempt) return attempt.done;
      if (run) return;
      const stopped = new AbortController();
      const done = launchUntilReady(whenLate, stopped.signal).finally(() => {
        attempt = undefined;
      });
      attempt = { done, stopped };
      return done;
    },
    stop: () => giveUp(end),
    async kill(signal) {
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') {
        if (run) signalGroup(run.pid, signal);
        return;
      }
      await giveUp(async (current) => {
        current.stopRequested = true;
        signalGroup(current.pid, signal);
        await current.ended;
      });
    },
    recentLines: () => [...lines],
  };
}

function spawnChild({ command, arguments: words, environment, identity }: ProcessSpec) {
  return execa(command, words, {
    env: environment,
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    buffer: false,
    reject: false,
    // In its own process group, because the stack stops its processes in order: Ctrl-C must not reach them directly.
    detached: true,
    cleanup: false,
    ...identity,
  });
}

async function howItEnded(child: ReturnType<typeof spawnChild>): Promise<string> {
  // Children may outlive the process and keep its output, ports and files in use.
  const exit = Promise.withResolvers<string>();
  child.nodeChildProcess.once('exit', (code, signal) => {
    setTimeout(() => exit.resolve(describe(code, signal)), CHILDREN_MS).unref();
  });
  const closed = child.then(({ exitCode, signal, originalMessage }) => describe(exitCode, signal, originalMessage));
  return Promise.race([closed, exit.promise]);
}

function describe(code: number | null | undefined, signal: string | null | undefined, failure?: string): string {
  if (signal) return `was ended by ${signal}`;
  return code === null || code === undefined ? `cannot be run: ${failure}` : `ended with code ${code}`;
}

/** Sends a signal to a process group. @returns whether the group exists */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  // kill(0) would signal this process's own group.
  if (pid <= 0) return false;
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
