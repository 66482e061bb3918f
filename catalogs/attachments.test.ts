import { crc32, inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { sampleAttachments } from './attachments.ts';

const attachments = sampleAttachments();
const bytesOf = (end: string) =>
  attachments.filter(({ key }) => key.endsWith(end)).map(({ bytes }) => Buffer.from(bytes));

test('keys and contents are all different, and the same at each call', () => {
  expect(new Set(attachments.map(({ key }) => key)).size).toBe(attachments.length);
  expect(new Set(attachments.map(({ bytes }) => Buffer.from(bytes).toString('base64'))).size).toBe(attachments.length);
  expect(sampleAttachments()).toEqual(attachments);
});

test('pictures are PNG files: chunks with their checksums, pixels that inflate to their size', () => {
  const pictures = bytesOf('.png');
  expect(pictures.length).toBe(12);
  for (const png of pictures) {
    expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
    const chunks = new Map<string, Buffer>();
    for (let at = 8; at < png.length; ) {
      const length = png.readUInt32BE(at);
      const body = png.subarray(at + 4, at + 8 + length);
      expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(body));
      chunks.set(body.toString('latin1', 0, 4), body.subarray(4));
      at += 12 + length;
    }
    expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
    const header = chunks.get('IHDR') ?? Buffer.alloc(8);
    const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
    expect(inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0)).length).toBe(height * (1 + 3 * width));
  }
});

test('recordings are WAV files as long as they say', () => {
  for (const wav of bytesOf('.wav')) {
    expect(wav.toString('latin1', 0, 4) + wav.toString('latin1', 8, 16)).toBe('RIFFWAVEfmt ');
    expect([wav.readUInt32LE(4), wav.readUInt32LE(40)]).toEqual([wav.length - 8, wav.length - 44]);
  }
});

test('audits are MPEG-4 files: boxes that fill the file, and sound where the table says', () => {
  for (const mp4 of bytesOf('.m4a')) {
    const boxes: [string, number][] = [];
    for (let at = 0; at < mp4.length; at += mp4.readUInt32BE(at))
      boxes.push([mp4.toString('latin1', at + 4, at + 8), at]);
    expect(boxes.map(([type]) => type)).toEqual(['ftyp', 'mdat', 'moov']);
    const table = mp4.indexOf('stco');
    expect(mp4.readUInt32BE(table + 12)).toBe((boxes[1]?.[1] ?? 0) + 8);
    const sizes = mp4.indexOf('stsz');
    const [frameBytes, frames] = [mp4.readUInt32BE(sizes + 8), mp4.readUInt32BE(sizes + 12)];
    expect(frameBytes * frames).toBe(mp4.readUInt32BE(boxes[1]?.[1] ?? 0) - 8);
  }
});
