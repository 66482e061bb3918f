import { PassThrough } from 'node:stream';
import { run } from '../cli/program.ts';
import { createTerminal } from '../cli/screen/terminal.ts';

/** Runs one command line in this process. @param interrupt what Ctrl-C would abort. */
export async function waybill(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  interrupt = new AbortController(),
) {
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const terminal = createTerminal(output, errors);
  const code = await run(args, { terminal, environment, interruptible: () => interrupt.signal }, '0.0.0');
  return { code, output: String(output.read() ?? ''), errors: String(errors.read() ?? '') };
}
