import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readEvents } from './watch.ts';

async function read(text: string, cuts: readonly number[] = []) {
  const bytes = Buffer.from(text);
  const places = [...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
  async function* chunks() {
    let from = 0;
    for (const to of [...places, bytes.length]) {
      yield bytes.subarray(from, to);
      from = to;
    }
  }
  const events = await Array.fromAsync(readEvents(ReadableStream.from(chunks())));
  return events.map(({ event = 'message', data }) => ({ event, data }));
}

const STREAM =
  ': keep-alive\n\nevent: progress\ndata: {"a":"é"}\n\nid: 1\r\nevent:end\r\ndata:x\r\ndata: y\r\n\r\ndata\rretry: 5\r\rdata: cut off';
const EVENTS = [
  { event: 'progress', data: '{"a":"é"}' },
  { event: 'end', data: 'x\ny' },
  { event: 'message', data: '' },
];

describe('a stream of events', () => {
  test('is read wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { maxLength: 10 }), async (cuts) => {
        expect(await read(STREAM, cuts)).toEqual(EVENTS);
      }),
    );
  });

  test.each(['', '\n', ': only a comment\n\n', 'event: progress\n\n'])('%j holds none', async (text) => {
    expect(await read(text)).toEqual([]);
  });
});
