import { crc32, deflateSync } from 'node:zlib';

/** A file of the farm survey's attachments, as it lies in the object store. */
export interface SampleAttachment {
  /** `object_key` in `warehouse.survey.attachments`. */
  readonly key: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** The objects that the attachments of the sample survey refer to: small pictures and recordings, the same at each call. */
export function sampleAttachments(): readonly SampleAttachment[] {
  const each = (count: number, make: (number: number) => SampleAttachment) =>
    Array.from({ length: count }, (_, n) => make(n));
  return [
    ...each(12, (n) => ({ key: `farm-survey/picture-${n}.png`, contentType: 'image/png', bytes: picture(n) })),
    ...each(4, (n) => ({ key: `farm-survey/recording-${n}.wav`, contentType: 'audio/wav', bytes: recording(n) })),
    ...each(2, (n) => ({ key: `farm-survey/audit-${n}.m4a`, contentType: 'audio/mp4', bytes: silence(n) })),
  ];
}

const WIDTH = 160;
const HEIGHT = 120;

/** A PNG of a field under a sky; each number has other colours. @see PNG, third edition, sections 5 and 11 */
function picture(number: number): Uint8Array {
  const rows = Array.from({ length: HEIGHT }, (_, y) => {
    const row = Buffer.alloc(1 + WIDTH * 3);
    for (let x = 0; x < WIDTH; x += 1) {
      const isSky = y < HEIGHT / 2 + 12 * Math.sin((x + 20 * number) / 25);
      row.set(
        isSky ? [120 + number * 6, 170 + y, 230] : [60 + (y % 12) * 6, 110 + number * 8 - (x % 9), 50],
        1 + x * 3,
      );
    }
    return row;
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(WIDTH, 0);
  header.writeUInt32BE(HEIGHT, 4);
  // Eight bits a channel, red, green, blue.
  header.set([8, 2], 8);
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    return Buffer.concat([uint32(data.length), body, uint32(crc32(body))]);
  };
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const pixels = deflateSync(Buffer.concat(rows));
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

const SAMPLES_A_SECOND = 8_000;

/** Half a second of a tone: WAV, one channel, 8 bits. */
function recording(number: number): Uint8Array {
  const samples = Buffer.from(
    Array.from(
      { length: SAMPLES_A_SECOND / 2 },
      (_, at) => 128 + 60 * Math.sin((at * (220 + 110 * number) * 2 * Math.PI) / SAMPLES_A_SECOND),
    ),
  );
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + samples.length, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLES_A_SECOND, 24);
  header.writeUInt32LE(SAMPLES_A_SECOND, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}

/** A frame of AAC without sound: low complexity, 44,100 samples a second, one channel. */
const SILENT_FRAME = Buffer.from([0x00, 0xc8, 0x00, 0x80, 0x23, 0x80]);
const FRAME_SAMPLES = 1_024;
const AAC_SAMPLES_A_SECOND = 44_100;

/** Some seconds of silence: AAC in MPEG-4. @see ISO/IEC 14496-12, section 8; 14496-14, section 5.6 */
function silence(number: number): Uint8Array {
  const frames = 43 * (1 + number);
  const duration = frames * FRAME_SAMPLES;
  const matrix = uint32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
  const descriptor = (tag: number, ...content: readonly Uint8Array[]) => {
    const body = Buffer.concat(content);
    return Buffer.concat([Buffer.from([tag, body.length]), body]);
  };
  const decoder = descriptor(
    4,
    Buffer.from([0x40, 0x15, 0, 0, 0]),
    uint32(2_000, 2_000),
    descriptor(5, Buffer.from([0x12, 0x08])),
  );
  const esds = box('esds', uint32(0), descriptor(3, Buffer.from([0, 1, 0]), decoder, descriptor(6, Buffer.from([2]))));
  const mp4a = box('mp4a', uint32(0, 1, 0, 0, 0x10010, 0), uint32(AAC_SAMPLES_A_SECOND * 0x10000), esds);
  const fileType = box('ftyp', text('M4A '), uint32(0), text('M4A isom'));
  const sound = Buffer.concat(Array.from({ length: frames }, () => SILENT_FRAME));
  const tables = box(
    'stbl',
    box('stsd', uint32(0, 1), mp4a),
    box('stts', uint32(0, 1, frames, FRAME_SAMPLES)),
    box('stsc', uint32(0, 1, 1, frames, 1)),
    box('stsz', uint32(0, SILENT_FRAME.length, frames)),
    box('stco', uint32(0, 1, fileType.length + 8)),
  );
  const reference = box('dinf', box('dref', uint32(0, 1), box('url ', uint32(1))));
  const media = box(
    'mdia',
    box('mdhd', uint32(0, 0, 0, AAC_SAMPLES_A_SECOND, duration, 0x55c40000)),
    box('hdlr', uint32(0, 0), text('soun'), uint32(0, 0, 0), text('\0')),
    box('minf', box('smhd', uint32(0, 0)), reference, tables),
  );
  const track = box(
    'trak',
    box('tkhd', uint32(7, 0, 0, 1, 0, duration, 0, 0, 0, 0x01000000), matrix, uint32(0, 0)),
    media,
  );
  const movie = box(
    'mvhd',
    uint32(0, 0, 0, AAC_SAMPLES_A_SECOND, duration, 0x10000, 0x01000000, 0, 0),
    matrix,
    uint32(0, 0, 0, 0, 0, 0, 2),
  );
  return Buffer.concat([fileType, box('mdat', sound), box('moov', movie, track)]);
}

function box(type: string, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([uint32(8 + body.length), text(type), body]);
}

function text(characters: string): Buffer {
  return Buffer.from(characters, 'latin1');
}

function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, 4 * at);
  return bytes;
}
