import { randomBytes } from 'node:crypto';
import { Encrypter } from 'age-encryption';
import { generateKey } from '../streams/age/keys.ts';
import { seal } from '../streams/age/payload.ts';
import { type Bench, type Benchmark, type Measurement, runPairs, secondsOf } from './benchmark.ts';

/** Sealing alone, from memory and discarded, against the package `age-encryption`, which writes the header. */
export const sealingBenchmark: Benchmark = {
  name: 'sealing',
  title: 'Sealing alone',
  run: measureSealing,
};

const CHUNK_BYTES = 65_536;
const CHUNKS = 16_384;
const BYTES = CHUNK_BYTES * CHUNKS;

async function measureSealing(bench: Bench): Promise<Measurement> {
  const { recipient } = await generateKey({ postQuantum: false });
  const chunk = randomBytes(CHUNK_BYTES);

  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let sent = 0; sent < CHUNKS; sent += 1) {
      bench.signal.throwIfAborted();
      yield chunk;
    }
  }

  const pairs = await runPairs(bench, 'seconds', {
    ours: () => secondsOf(() => drain(seal(chunks(), [recipient]))),
    peer: () =>
      secondsOf(async () => {
        const encrypter = new Encrypter();
        encrypter.addRecipient(recipient);
        await drain(await encrypter.encrypt(ReadableStream.from(chunks())));
      }),
  });
  return {
    unit: 'seconds',
    ours: { what: 'streams/age', bytes: BYTES },
    peer: { what: 'age-encryption', bytes: BYTES },
    pairs,
    ratio: { kind: 'speed', target: 5 },
    notes: [],
  };
}

/** @throws Error if the sealed stream is shorter than 1 GiB of content requires */
async function drain(sealed: AsyncIterable<Uint8Array>): Promise<void> {
  let bytes = 0;
  for await (const chunk of sealed) bytes += chunk.byteLength;
  if (bytes <= BYTES) throw new Error(`Only ${bytes} bytes were sealed.`);
}
