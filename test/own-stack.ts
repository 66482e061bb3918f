import { freePorts } from '../stack/ports.ts';
import type { ProcessHandle } from '../stack/process.ts';
import { startServers } from '../stack/servers.ts';
import { prepareStores, type RunningStack, startServices } from '../stack/stack.ts';
import { closeAtEnd, temporaryFolder } from './cleanup.ts';
import { startWorker, useStack } from './context.ts';
import { type Gate, openGate } from './gate.ts';
import { QUIET } from './programs.ts';

/** Servers, an API and a worker that belong to one test file, which may kill them. */
export interface OwnStack extends Omit<RunningStack, 'sftp'> {
  /** Between the worker and the object store. */
  readonly gate: Gate;
  /** Starts another worker, without a gate. */
  startWorker(name: string): Promise<ProcessHandle>;
}

/** A request for a part of a multipart upload. */
export const PART_OF_UPLOAD = /^PUT (\S+)\?\S*partNumber=/;
/** A request that writes a whole file. */
export const SEALED_FILE = /^PUT (\S+\.age) HTTP/;

/**
 * Starts a stack on the shared stack's sample warehouse. It is stopped at the end.
 *
 * @param own settings on top of those of the shared stack
 */
export async function startOwnStack(own: Readonly<Record<string, string>>): Promise<OwnStack> {
  const shared = useStack();
  const { environment } = shared;
  const dataDirectory = await temporaryFolder();
  const ports = await freePorts();
  const gate = await openGate(ports.objects);
  const servers = await startServers({ ...QUIET, ports, dataDirectory, environment });
  const stop = closeAtEnd(servers.stop);
  await prepareStores(servers.settings);
  const settings = { ...shared.settings, ...servers.settings, WAYBILL_LOG_LEVEL: 'warn', ...own };
  const workerSettings = { WAYBILL_OBJECTS_URL: `http://${gate.address}` };
  const services = await startServices(servers.supervisor, { settings, workerSettings, environment });
  return {
    ...servers,
    settings,
    ...services,
    gate,
    startWorker: (name) => startWorker(servers.supervisor, name, settings, environment),
    stop,
  };
}
