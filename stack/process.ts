import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';

/** A process's environment. Only entry points read the real one and hand it on. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Another user that a process runs as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** What a supervised process is made of, and how it is told apart from a broken one. */
export interface ProcessSpec {
  /** Shown in front of its lines. */
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment: Environment;
  /** Another user to run as. */
  readonly identity?: Identity | undefined;
  /** Asks for an orderly end. */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  /** Milliseconds from the stop signal to SIGKILL. */
  readonly graceMs: number;
  /** Asked repeatedly until it answers `true`; an error counts as `false`. */
  readonly ready: () => Promise<Readiness>;
  /** Milliseconds that it may take to become ready; once it has answered `recovering` it may take as long as it runs. */
  readonly readyMs: number;
  /** Matches a line that it writes if it ended only because the remains of a killed predecessor are in its way. */
  readonly retryWhen?: RegExp | undefined;
}

/** `recovering`: it says itself that it repairs its data before it serves. It must not be ended then. */
export type Readiness = boolean | 'recovering';

/** A supervised process. It keeps its identity over restarts: same command, port and data. */
export interface ProcessHandle {
  readonly name: string;
  /** `undefined` while it does not run. */
  readonly pid: number | undefined;
  /** Starts it where it does not run. @returns when it is ready. @throws Error with its last lines when it does not get there */
  start(): Promise<void>;
  /** Sends a signal to it and its children. @returns when it has ended; for SIGSTOP and SIGCONT at once */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Stops it in an orderly way, with SIGKILL after its grace. No effect where it does not run. */
  stop(): Promise<void>;
  /** Stops it where it runs, then starts it again. */
  restart(): Promise<void>;
  /** Its last lines, oldest first. */
  recentLines(): readonly string[];
}

/** What a supervisor works with. */
export interface Process extends ProcessHandle {
  /**
   * As `start`, but what runs is not ended for not being ready.
   *
   * @param late called once when it was not ready after its milliseconds
   */
  startPatiently(late: (readyMs: number) => void): Promise<void>;
}

/** A process did not become ready. The message ends with its last lines. */
export class StartError extends Error {
  /** What happened, without the process's name and lines. */
  readonly reason: string;

  constructor(name: string, reason: string, lines: readonly string[]) {
    const shown = lines.slice(-LINES_SHOWN).map((line) => `\n  ${line}`);
    super(`${name} ${reason}${shown.length === 0 ? '' : `. It said last:${shown.join('')}`}`);
    this.reason = reason;
  }
}

/** What happens around a process. */
export interface ProcessEvents {
  /** A line that it wrote. */
  readonly line: (name: string, line: string) => void;
  readonly started: (pid: number, stopSignal: 'SIGTERM' | 'SIGINT') => void;
  readonly ended: (pid: number) => void;
  /** It ended although nobody asked it to, after it had been ready. */
  readonly crashed: (name: string, how: string) => void;
}

const LINES_KEPT = 100;
const LINES_SHOWN = 25;
/** Milliseconds before the second question; each later one waits half as long again, up to the last. */
const ASK_MS = { first: 50, last: 500 };
/** Milliseconds that a dead process's children get to follow it. */
const CHILDREN_MS = 3_000;

/** Milliseconds before a process is launched again whose predecessor's remains are in the way. */
const RETRY_MS = 250;

/** `limited` ends a process that is not ready in time; a function is told, and the process may go on. */
type Patience = 'limited' | ((readyMs: number) => void);

interface Run {
  readonly pid: number;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  asked: boolean;
  ready: boolean;
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
    const launched: Run = { pid: child.pid ?? 0, ended, asked: false, ready: false, how: undefined };
    if (launched.pid > 0) events.started(launched.pid, spec.stopSignal);
    void ended.then((how) => {
      launched.how = how;
      if (run === launched) run = undefined;
      if (launched.pid > 0) events.ended(launched.pid);
      if (launched.ready && !launched.asked) events.crashed(spec.name, how);
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

  async function becomeReady(current: Run, patience: Patience): Promise<void> {
    let deadline = Date.now() + spec.readyMs;
    let pauseMs = ASK_MS.first;
    while (current.how === undefined) {
      const answer = await Promise.race([spec.ready().catch(() => false), current.ended.then(() => false)]);
      if (answer === true && current.how === undefined) {
        current.ready = true;
        return;
      }
      if (answer === 'recovering') deadline = Number.POSITIVE_INFINITY;
      if (Date.now() > deadline) {
        if (patience === 'limited') {
          await end(current);
          throw new StartError(spec.name, `was not ready after ${spec.readyMs / 1000} s`, lines);
        }
        patience(spec.readyMs);
        deadline = Number.POSITIVE_INFINITY;
      }
      await Promise.race([delay(pauseMs), current.ended]);
      pauseMs = Math.min(pauseMs * 1.5, ASK_MS.last);
    }
    throw new StartError(spec.name, `${current.how} before it was ready`, lines);
  }

  async function launchUntilReady(patience: Patience, stopped: AbortSignal): Promise<void> {
    const deadline = Date.now() + spec.readyMs;
    for (;;) {
      run = launch();
      try {
        return await becomeReady(run, patience);
      } catch (error) {
        const passing = spec.retryWhen && lines.some((line) => spec.retryWhen?.test(line));
        if (!passing || stopped.aborted || Date.now() > deadline) throw error;
        await delay(RETRY_MS);
        if (stopped.aborted) throw error;
      }
    }
  }

  function begin(patience: Patience): Promise<void> {
    if (attempt) return attempt.done;
    if (run) return Promise.resolve();
    const stopped = new AbortController();
    const done = launchUntilReady(patience, stopped.signal).finally(() => {
      attempt = undefined;
    });
    attempt = { done, stopped };
    return done;
  }

  /** Runs what ends the process, and waits for an attempt to start it to be given up. */
  async function giveUp(ending: (current: Run) => Promise<void>): Promise<void> {
    const begun = attempt;
    begun?.stopped.abort();
    if (run) await ending(run);
    await begun?.done.catch(() => undefined);
  }

  async function end(current: Run): Promise<void> {
    current.asked = true;
    signalGroup(current.pid, spec.stopSignal);
    const patience = new AbortController();
    const late = await Promise.race([
      current.ended.then(() => false),
      delay(spec.graceMs, true, { signal: patience.signal }).catch(() => false),
    ]);
    patience.abort();
    if (late) signalGroup(current.pid, 'SIGKILL');
    await current.ended;
  }

  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') {
      if (run) signalGroup(run.pid, signal);
      return;
    }
    await giveUp(async (current) => {
      current.asked = true;
      signalGroup(current.pid, signal);
      await current.ended;
    });
  }

  const start = () => begin('limited');
  const stop = () => giveUp(end);
  return {
    name: spec.name,
    get pid() {
      return run?.pid;
    },
    start,
    startPatiently: begin,
    stop,
    kill,
    async restart() {
      await stop();
      await start();
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
    // A process group of its own: Ctrl-C in the terminal must not reach it, because the stack ends in order.
    detached: true,
    cleanup: false,
    ...identity,
  });
}

async function howItEnded(child: ReturnType<typeof spawnChild>): Promise<string> {
  // Its output stays open, and what it held may stay in use, until children of its own have ended too.
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

/** Sends a signal to a process group; one that is gone is no error. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
