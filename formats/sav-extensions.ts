import { type ByteWriter, createByteWriter } from './byte-writer.ts';
import { type SavVariable, segmentWidths } from './sav-variables.ts';

/** The lowest double stands for a number that is missing for no stated reason. */
const SYSTEM_MISSING = -Number.MAX_VALUE;

/** Version of SPSS whose features a file has; no machine; IEEE 754; compression; little-endian; code page of UTF-8. */
const INTEGER_INFO = [20, 0, 0, -1, 1, 1, 2, 65_001] as const;

/** Records that older readers skip, in ascending order of their subtypes. Source: GNU PSPP, "System File Format". */
export function writeExtensions(file: ByteWriter, variables: readonly SavVariable[], rows: number): void {
  writeExtension(file, 3, 4, (body) => body.int32(...INTEGER_INFO));
  writeExtension(file, 4, 8, (body) => body.double(SYSTEM_MISSING, Number.MAX_VALUE, SYSTEM_MISSING));
  writeExtension(file, 11, 4, (body) => writeDisplay(body, variables));
  writeExtension(file, 13, 1, (body) => {
    body.text(variables.map(({ shortNames: [short], name }) => `${short}=${name}`).join('\t'));
  });
  writeExtension(file, 14, 1, (body) => {
    for (const { shortNames, width } of variables) {
      if (width > 255) body.text(`${shortNames[0]}=${String(width).padStart(5, '0')}\0\t`);
    }
  });
  writeExtension(file, 16, 8, (body) => {
    body.int64(1);
    body.int64(rows);
  });
  writeExtension(file, 20, 1, (body) => body.text('UTF-8'));
  const longTexts = variables.filter(({ width }) => width > 8);
  writeExtension(file, 21, 1, (body) => writeLongLabels(body, longTexts));
  writeExtension(file, 22, 1, (body) => writeLongMissing(body, longTexts));
}

/** Writes nothing if there is no content. */
function writeExtension(
  file: ByteWriter,
  subtype: number,
  itemBytes: number,
  writeBody: (body: ByteWriter) => void,
): void {
  const body = createByteWriter();
  writeBody(body);
  if (body.length === 0) return;
  file.int32(7, subtype, itemBytes, body.length / itemBytes);
  file.raw(body.bytes);
}

/** Level of measurement, width of a column in characters, alignment. */
function writeDisplay(body: ByteWriter, variables: readonly SavVariable[]): void {
  for (const { width, format, isNominal } of variables) {
    for (const _ of segmentWidths(width)) {
      body.int32(isNominal ? 1 : 3, Math.min(Math.max(format.width, 8), 40), width > 0 ? 0 : 1);
    }
  }
}

function writeLongLabels(body: ByteWriter, variables: readonly SavVariable[]): void {
  for (const { name, width, valueLabels } of variables) {
    if (valueLabels.length === 0) continue;
    writeCounted(body, name);
    body.int32(width, valueLabels.length);
    for (const { value, label } of valueLabels) {
      body.int32(width);
      body.text(String(value), width);
      writeCounted(body, label);
    }
  }
}

function writeLongMissing(body: ByteWriter, variables: readonly SavVariable[]): void {
  for (const { name, missing } of variables) {
    if (missing.values.length === 0) continue;
    writeCounted(body, name);
    body.byte(missing.values.length);
    body.int32(8);
    for (const value of missing.values) body.text(String(value), 8);
  }
}

function writeCounted(body: ByteWriter, text: string): void {
  body.int32(Buffer.byteLength(text));
  body.text(text);
}
