import { setTimeout as delay } from 'node:timers/promises';
import { answersOk } from '../../stack/server-processes.ts';
import { generateKey } from '../../streams/age/keys.ts';
import { type Audit, audit } from './auditor.ts';
import { type Deployment, startDeployment } from './deployment.ts';
import { endInTime, FAULTS } from './faults.ts';
import { type LoadReport, runLoad } from './load.ts';
import { runPeriodicLoad } from './periodic-load.ts';

export interface ChaosReport {
  readonly struck: readonly string[];
  readonly load: LoadReport;
  readonly generations: number;
  readonly audit: Audit;
  /** Processes that ended by themselves, did not recover, or did not end when asked to. */
  readonly processes: readonly string[];
  /** Last output of the processes. */
  readonly lines: readonly string[];
}

/** How long everything may take to answer again after a fault. */
const RECOVERY_MS = 60_000;
/** How long open runs may take to end after the last fault, clean-up included. */
const SETTLING_MS = 150_000;

/**
 * Inflicts every fault on a deployment in turn under a load of orders, cancellations and downloads, then audits it.
 *
 * @param options.seconds how long faults go on; every fault happens at least once
 * @param options.say takes a line of progress
 */
export async function runChaos(options: {
  readonly seconds: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
}): Promise<ChaosReport> {
  const { seconds, environment, say } = options;
  const deployment = await startDeployment(environment);
  try {
    const { network, objectsDirectory, settings } = deployment;
    const { identity, recipient } = await generateKey({ postQuantum: false });

    const stopping = new AbortController();
    const load = runLoad(network.url, recipient, stopping.signal);
    const periodic = runPeriodicLoad(network.url, stopping.signal);
    const processes: string[] = [];
    const struck = await strikeFor(deployment, seconds, processes, say);
    stopping.abort();
    const [done, { keys, violations }] = await Promise.all([load, periodic]);
    done.violations.push(...violations);

    say('no more faults: waiting until everything has ended');
    const look = () => audit({ settings, objectsDirectory, identity, generationKeys: keys, environment });
    const deadline = Date.now() + SETTLING_MS;
    let found = await look();
    while (found.stuck.length + found.strays.length > 0 && Date.now() < deadline) {
      await delay(2000);
      found = await look();
    }
    for (const handle of [deployment.api, ...deployment.workers])
      await endInTime(handle).catch((error: unknown) => processes.push(String(error)));
    processes.push(...deployment.crashes);
    const lines = deployment.lines.slice(-300);
    return { struck, load: done, generations: keys.size, audit: found, processes, lines };
  } finally {
    await deployment.stop();
  }
}

async function strikeFor(
  deployment: Deployment,
  seconds: number,
  processes: string[],
  say: (line: string) => void,
): Promise<readonly string[]> {
  const struck: string[] = [];
  const until = Date.now() + seconds * 1000;
  for (let round = 0; round === 0 || Date.now() < until; round += 1) {
    for (const fault of FAULTS) {
      if (round > 0 && Date.now() > until) break;
      say(fault.name);
      await fault.strike(deployment).catch((error: unknown) => processes.push(String(error)));
      struck.push(fault.name);
      if (!(await recovered(deployment))) processes.push(`not in service ${RECOVERY_MS / 1000} s after: ${fault.name}`);
    }
  }
  return struck;
}

async function recovered({ network, workers }: Deployment): Promise<boolean> {
  const deadline = Date.now() + RECOVERY_MS;
  while (Date.now() < deadline) {
    const ready = await answersOk(`${network.url}/readyz`).catch(() => false);
    if (ready && workers.every(({ pid }) => pid !== undefined)) return true;
    await delay(250);
  }
  return false;
}
