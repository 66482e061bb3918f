import type { GenerationManifest } from '../../contracts/generation.ts';
import { PERIODIC_FORMATS } from '../../contracts/order.ts';
import { type Cli, printJson } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { type LocatedFile, locateFiles } from '../files/locate-generation.ts';
import { type FileVerdict, generationSumProblems, verifyFile } from '../files/verify-generation.ts';
import { generationLines } from '../screen/generation-lines.ts';
import { problemLines } from '../screen/problem-lines.ts';
import { createProgressDisplay } from '../screen/progress-display.ts';
import { transferLine } from '../screen/progress-line.ts';
import type { Verifying } from './verify-export.ts';

interface GenerationOnDisk {
  readonly generation: GenerationManifest;
  /** Of the manifest. */
  readonly file: string;
}

/** Checks the files of a generation. Ends the process with 1 when one is missing or something is wrong. */
export async function verifyGeneration(
  cli: Cli,
  { generation, file }: GenerationOnDisk,
  { identity, json }: Verifying,
): Promise<void> {
  const located = locateFiles(generation, file);
  const files = await verifyFiles(cli, located, identity, json);
  const { generationId, rows, bytes } = generation;
  const problems = [
    ...generationSumProblems(generation),
    ...(located.length === 0 && generation.files.length > 0
      ? [`None of its files is here. ${exampleNames(generation)}`]
      : []),
    ...files.flatMap(({ name, problems: own }) => own.map((problem) => `${name} ${problem}`)),
  ];
  if (problems.length > 0) cli.endWith(EXIT.failed);
  if (json) {
    const rowsCounted = problems.length === 0 && files.every((verdict) => verdict.rowsCounted !== null);
    const formats = PERIODIC_FORMATS.filter((format) => files.some((file) => file.format === format));
    return printJson(cli.terminal, {
      ...{ generationId, ok: problems.length === 0, formats, rowsCounted, rows, bytes, problems, files },
    });
  }
  const lines =
    problems.length > 0
      ? problemLines(cli.terminal, problems, `generation ${generationId}`)
      : generationLines(cli.terminal, files);
  for (const line of lines) cli.terminal.print(line);
}

async function verifyFiles(
  cli: Cli,
  located: readonly LocatedFile[],
  identity: string | undefined,
  quiet: boolean,
): Promise<readonly FileVerdict[]> {
  const display = createProgressDisplay(cli.terminal, quiet);
  const begun = performance.now();
  const times = (form: LocatedFile['form']) => (form === 'sealed' && identity !== undefined ? 2 : 1);
  const bytesToRead = located.reduce((sum, { bytesThere, form }) => sum + (bytesThere ?? 0) * times(form), 0);
  let bytesRead = 0;
  const verdicts: FileVerdict[] = [];
  try {
    for (const file of located) {
      const verdict = await verifyFile(file, identity, (bytes) => {
        bytesRead += bytes;
        display.show(transferLine('verify', bytesRead, bytesToRead, (performance.now() - begun) / 1000));
      });
      verdicts.push(verdict);
    }
  } finally {
    display.stop();
  }
  return verdicts;
}

function exampleNames({ files }: GenerationManifest): string {
  const name = files[0]?.file ?? 'user';
  return `They are called ${name}.csv.age, ${name}.csv, ${name}.json.age, ${name}.json and so on.`;
}
