import type { z } from 'zod';
import { Envelope, type PublicKey } from '../../../contracts/envelope.ts';
import { type Manifest, type ManifestFile, type ManifestPart, parseManifest } from '../../../contracts/manifest.ts';
import { checkEnvelope, fromBase64 } from '../../../streams/envelope.ts';
import { counted, sizeText } from '../components/figures.ts';
import { sha256Of } from './hash.ts';
import type { Finding, Outcome, Progress, Verified } from './tasks.ts';

/** Larger files are content, not manifests. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;

interface Options {
  readonly signal: AbortSignal;
  /** Loads the public keys of signatures. */
  readonly readKeys: () => Promise<readonly PublicKey[]>;
  readonly onProgress: (progress: Progress) => void;
}

/** Checks files against their manifest, and the manifest against its signature. @param files all of them, in any order */
export async function verifyFiles(files: readonly File[], options: Options): Promise<Verified> {
  const { manifest: bytes, envelope, content } = await sort(files);
  if (!bytes) {
    const text = 'It is called manifest.json, or ends in .manifest.json. The page of an export offers it.';
    return { outcome: 'unknown', title: 'Add the manifest of the files', text, findings: [], recipients: [] };
  }
  const parsed = parseManifest(new TextDecoder().decode(bytes));
  if ('problem' in parsed) {
    const detail = parsed.problem.split('\n')[0] ?? '';
    const findings = [{ check: 'Manifest', outcome: 'invalid', result: 'Not readable', detail } as const];
    return { outcome: 'invalid', title: 'That is not a manifest of Waybill', text: detail, findings, recipients: [] };
  }
  const { manifest } = parsed;
  const signature = await checkSignature(bytes, envelope, options.readKeys);
  const found = content.map((file) => ({ file, place: placeOf(file, manifest, content.length) }));
  const total = found.reduce((sum, { file }) => sum + file.size, 0);
  let done = 0;
  const onBytes = (count: number) => {
    done += count;
    options.onProgress({ done, total });
  };
  const findings: Finding[] = [];
  for (const { file, place } of found) {
    findings.push(place ? await checkFile(file, place, onBytes, options.signal) : unlisted(file));
  }
  const missing = missingFiles(
    manifest,
    found.map(({ place }) => place?.file),
  );
  const all = [signature, ...findings, ...missing];
  return {
    ...summary(all, content.length),
    findings: all,
    recipients: manifest.files.map(({ file }) => [file, manifest.recipients] as const),
  };
}

/** Tells manifest, signature and content apart. A signature holds the manifest as well. */
async function sort(files: readonly File[]) {
  let manifest: Uint8Array | undefined;
  let envelope: Envelope | 'other' | undefined;
  const content: File[] = [];
  for (const file of files) {
    const isSmall = file.size <= MANIFEST_BYTES_MAX;
    if (isSmall && /\.dsse( \(\d+\))?\.json$/.test(file.name)) envelope = await readJson(file, Envelope);
    else if (isSmall && /manifest( \(\d+\))?\.json$/.test(file.name))
      manifest = new Uint8Array(await file.arrayBuffer());
    else content.push(file);
  }
  if (!manifest && typeof envelope === 'object') manifest = fromBase64(envelope.payload);
  return { manifest, envelope, content };
}

async function readJson<Schema extends z.ZodType>(file: Blob, schema: Schema): Promise<z.output<Schema> | 'other'> {
  try {
    return schema.safeParse(JSON.parse(await file.text())).data ?? 'other';
  } catch {
    return 'other';
  }
}

async function checkSignature(
  manifest: Uint8Array,
  envelope: Envelope | 'other' | undefined,
  readKeys: Options['readKeys'],
): Promise<Finding> {
  const about = (outcome: Outcome, result: string, detail: string) => ({ check: 'Signature', outcome, result, detail });
  if (!envelope) return about('unknown', 'Not checked', 'Add the signature: the file that ends in .dsse.json');
  if (envelope === 'other') return about('invalid', 'Not readable', 'The signature is not a DSSE envelope');
  let keys: readonly PublicKey[];
  try {
    keys = await readKeys();
  } catch {
    return about('unknown', 'Not checked', 'The public keys of this service could not be loaded');
  }
  try {
    const checked = await checkEnvelope(envelope, manifest, keys);
    if ('key' in checked) return about('valid', 'Valid', `Ed25519, key ${checked.key.kid}`);
    return about('invalid', 'Not valid', `The manifest ${checked.problem}`);
  } catch {
    return about('unknown', 'Not checked', 'This browser cannot check Ed25519 signatures');
  }
}

/** What a file of this machine is in the manifest. */
interface Place {
  readonly file: ManifestFile;
  readonly parts: readonly ManifestPart[];
  /** Whether it is as it was stored, unsealed, or also decompressed. */
  readonly form: 'stored' | 'unsealed' | 'content';
}

/** @param count of files that are checked: an only one is known by its size as well */
function placeOf({ name, size }: File, { files }: Manifest, count: number): Place | undefined {
  // Browsers number files that they save under a name that is taken.
  const plain = name.replace(/ \(\d+\)(?=\.|$)/, '');
  for (const file of files) {
    const { parts } = file;
    const unsealed = file.file.replace(/\.age$/, '');
    const isPlain = file.compression === 'none';
    if (plain === file.file) return { file, parts, form: 'stored' };
    const part = parts.find((candidate) => candidate.name === plain);
    if (part) return { file, parts: [part], form: 'stored' };
    if (plain === unsealed) return { file, parts, form: isPlain ? 'content' : 'unsealed' };
    if (!isPlain && plain === unsealed.replace(/\.(gz|zst)$/, '')) return { file, parts, form: 'content' };
  }
  const [only] = files;
  if (!only || files.length > 1 || count > 1) return undefined;
  if (size === only.bytes) return { file: only, parts: only.parts, form: 'stored' };
  return size === only.contentBytes ? { file: only, parts: only.parts, form: 'content' } : undefined;
}

async function checkFile(
  blob: File,
  { file, parts, form }: Place,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Finding> {
  const about = (outcome: Outcome, result: string, detail: string) => ({ check: blob.name, outcome, result, detail });
  if (form === 'unsealed') {
    onBytes(blob.size);
    return about('unknown', 'Not checked', `It was unsealed, but is still compressed. Add ${file.file} instead`);
  }
  const sizeOf = (part: ManifestPart) => (form === 'stored' ? part.bytes : part.contentBytes);
  const expected = parts.reduce((sum, part) => sum + sizeOf(part), 0);
  if (blob.size !== expected) {
    onBytes(blob.size);
    const difference = blob.size < expected ? 'Too short' : 'Too long';
    return about('invalid', difference, `${counted(blob.size, 'byte')} instead of ${counted(expected, 'byte')}`);
  }
  if (form === 'content' && parts.some(({ contentSha256 }) => contentSha256 === null)) {
    onBytes(blob.size);
    return about(
      'unknown',
      'Size only',
      `The manifest has hashes of the sealed file: add ${file.file} to check every byte`,
    );
  }
  const changed: string[] = [];
  let at = 0;
  for (const part of parts) {
    const piece = blob.slice(at, at + sizeOf(part));
    at += sizeOf(part);
    const wanted = form === 'stored' ? part.sha256 : part.contentSha256;
    if ((await sha256Of(piece, onBytes, signal)) !== wanted) changed.push(part.name);
  }
  if (changed.length === 0) {
    return about('valid', 'Unchanged', `${counted(blob.size, 'byte')}, SHA-256 of ${partsText(parts.length)}`);
  }
  return about(
    'invalid',
    'Changed',
    `Another SHA-256 in ${changed.join(', ')} (${changed.length} of ${partsText(parts.length)})`,
  );
}

function partsText(count: number): string {
  return counted(count, 'part');
}

function unlisted({ name, size }: File): Finding {
  return {
    check: name,
    outcome: 'unknown',
    result: 'Not listed',
    detail: `${sizeText(size)}; the manifest has no such file`,
  };
}

function missingFiles({ files }: Manifest, there: readonly (ManifestFile | undefined)[]): readonly Finding[] {
  const missing = files.filter((file) => !there.includes(file));
  if (missing.length === 0) return [];
  const names = missing.slice(0, 3).map(({ file }) => file);
  const more = missing.length > names.length ? ` and ${missing.length - names.length} more` : '';
  const detail = `${names.join(', ')}${more}`;
  return [{ check: 'Other files', outcome: 'unknown', result: `${missing.length} not here`, detail }];
}

function summary(findings: readonly Finding[], count: number): Pick<Verified, 'outcome' | 'title' | 'text'> {
  const wrong = findings.filter(({ outcome }) => outcome === 'invalid');
  if (wrong.length > 0) {
    const names = wrong.map(({ check, result }) => `${check}: ${result.toLowerCase()}`);
    return { outcome: 'invalid', title: 'Not as it was written', text: `${names.join('. ')}.` };
  }
  const isSigned = findings.some(({ check, outcome }) => check === 'Signature' && outcome === 'valid');
  const checked = findings.filter(({ check, outcome }) => check !== 'Signature' && outcome === 'valid').length;
  if (isSigned && checked > 0 && checked === count) {
    const text = `This service signed the manifest, and ${count === 1 ? 'the file is' : `all ${count} files are`} what it lists, byte for byte.`;
    return { outcome: 'valid', title: 'Every byte is as it was signed', text };
  }
  if (count === 0) {
    const text = 'Add the files that the manifest lists to compare them.';
    return { outcome: 'unknown', title: isSigned ? 'The manifest is genuine' : 'No file was compared yet', text };
  }
  const text = 'Nothing is wrong with what could be checked; the table says what is missing.';
  return { outcome: 'unknown', title: 'Not everything could be checked', text };
}
