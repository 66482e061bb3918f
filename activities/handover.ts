import type { Handover } from '../contracts/handover.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { seal } from '../streams/age/payload.ts';

/** Hands a value over as JSON, sealed to whoever asked. */
export async function handOver(
  objects: Pick<Objects, 'put'>,
  { key, recipient }: Handover,
  value: unknown,
): Promise<void> {
  async function* content() {
    yield Buffer.from(JSON.stringify(value));
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of seal(content(), [recipient])) chunks.push(Buffer.from(chunk));
  await objects.put(key, Buffer.concat(chunks), 'application/octet-stream');
}
