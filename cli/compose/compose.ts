import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { literal } from '../../stores/warehouse/sql-text.ts';
import { CliFailure, EXIT } from '../failure.ts';
import type { ShowTransfer } from '../screen/progress.ts';
import type { EntityPlan } from './plan.ts';
import { loadEntity } from './state.ts';
import { type OutputFormat, type WrittenEntity, writeEntity } from './write.ts';

export interface ComposeOptions {
  readonly format: OutputFormat;
  /** DuckDB's limit, such as `1GB`; what does not fit goes to temporary files. */
  readonly memory: string;
  /** A directory for temporary files, on the disk of the output. It is not emptied. */
  readonly staging: string;
  readonly signal: AbortSignal;
  /** @returns where an entity is written */
  fileOf(entity: string): string;
}

/**
 * Writes the current state of entities: what the last file of a key says, without those that were deleted.
 *
 * @throws CliFailure if a file cannot be read, or the output not be written
 */
export async function compose(
  plans: readonly EntityPlan[],
  { format, memory, staging, signal, fileOf }: ComposeOptions,
  show: ShowTransfer,
): Promise<readonly WrittenEntity[]> {
  const total = plans.reduce((sum, { sources }) => sum + sources.reduce((bytes, { file }) => bytes + file.bytes, 0), 0);
  const instance = await DuckDBInstance.create(join(staging, 'compose.db'));
  const db = await instance.connect();
  const interrupt = () => db.interrupt();
  signal.addEventListener('abort', interrupt);
  try {
    await configure(db, memory, staging);
    let done = 0;
    const written: WrittenEntity[] = [];
    for (const plan of plans) {
      signal.throwIfAborted();
      await loadEntity(db, plan, (bytes) => {
        done += bytes;
        show(done, total);
      });
      written.push(await writeEntity(db, plan, fileOf(plan.entity), format));
    }
    return written;
  } catch (error) {
    signal.throwIfAborted();
    const lines = error instanceof Error ? error.message.split('\n').slice(0, LINES_MAX) : [];
    throw error instanceof CliFailure
      ? error
      : new CliFailure(EXIT.failed, 'The state cannot be composed.', { lines, cause: error });
  } finally {
    signal.removeEventListener('abort', interrupt);
    db.disconnectSync();
    instance.closeSync();
  }
}

/** Of DuckDB's messages; the first ones say what is wrong. */
const LINES_MAX = 4;

async function configure(db: DuckDBConnection, memory: string, staging: string): Promise<void> {
  await db.run(`SET memory_limit = ${literal(memory)}`);
  await db.run(`SET temp_directory = ${literal(join(staging, 'spill'))}`);
  await db.run("SET TimeZone = 'UTC'");
  await db.run('SET autoinstall_known_extensions = false');
}
