import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { getProgram } from '../stack/find.ts';
import { freePorts, LOOPBACK } from '../stack/ports.ts';
import { minioProcess } from '../stack/server-processes.ts';
import { DEMO } from '../stack/settings.ts';
import { createSupervisor } from '../stack/supervisor.ts';
import type { Bench } from './benchmark.ts';

/** How to reach a MinIO server, as `createObjects` takes it. */
export interface ObjectServer {
  readonly url: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** A MinIO server of the benchmark's own. */
export interface RunningObjectServer extends AsyncDisposable {
  readonly server: ObjectServer;
}

export async function startObjectServer(bench: Bench): Promise<RunningObjectServer> {
  const program = await getProgram('minio', bench);
  const ports = await freePorts();
  const dataDirectory = join(bench.directory, 'servers');
  await mkdir(join(dataDirectory, 'minio'), { recursive: true });
  const supervisor = createSupervisor({
    line: () => undefined,
    crashed: (name, how) => bench.report(`${name} ${how}`),
  });
  try {
    await supervisor.start(
      minioProcess({
        program,
        ports,
        dataDirectory,
        environment: { PATH: bench.environment.PATH, HOME: bench.directory },
      }),
    );
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  return {
    server: {
      url: `http://${LOOPBACK}:${ports.objects}`,
      region: 'us-east-1',
      bucket: 'waybill',
      accessKey: DEMO.objectsAccessKey,
      secretKey: DEMO.objectsSecretKey,
    },
    [Symbol.asyncDispose]: () => supervisor.stop(),
  };
}

/** Variables with which `mc` reaches the server as `bench`, without any configuration of the user's. */
export function clientVariables(server: ObjectServer, home: string): Readonly<Record<string, string>> {
  const url = new URL(server.url);
  url.username = server.accessKey;
  url.password = server.secretKey;
  return { HOME: home, MC_CONFIG_DIR: join(home, 'mc'), MC_HOST_bench: url.toString().replace(/\/$/, '') };
}
