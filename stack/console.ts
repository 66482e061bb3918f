import { styleText } from 'node:util';
import { levels } from 'pino';
import { z } from 'zod';
import { RUN_WORKFLOW } from '../contracts/task-queues.ts';
import { DEMO_CREDENTIALS } from './samples.ts';
import { DEMO } from './settings.ts';
import type { RunningStack } from './stack.ts';

const COLOURS = {
  stack: 'gray',
  postgres: 'blue',
  minio: 'red',
  temporal: 'magenta',
  mail: 'yellow',
  api: 'green',
  worker: 'cyan',
  sftp: 'cyanBright',
} as const;

/** A line of the services' log. @see https://getpino.io/#/docs/api?id=logger */
const entry = z.looseObject({ level: z.number(), time: z.number(), msg: z.string().default('') });

/** Fields of every log entry; not shown. */
const HIDDEN = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'name']);

const WIDTH = Math.max(...Object.keys(COLOURS).map((name) => name.length));

/** @returns a process's line for the terminal, with its coloured name; JSON log entries become text */
export function showLine(name: string, line: string): string {
  const colour = Object.entries(COLOURS).find(([each]) => each === name)?.[1] ?? 'white';
  return `${styleText(colour, `${name.padEnd(WIDTH)} |`)} ${showEntry(line)}`;
}

function showEntry(line: string): string {
  if (!line.startsWith('{')) return line;
  const parsed = entry.safeParse(parseJson(line));
  if (!parsed.success) return line;
  const { level, time, msg } = parsed.data;
  const rest = Object.entries(parsed.data)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const label = (levels.labels[level] ?? String(level)).padEnd(5);
  const shown = level >= 50 ? styleText('red', label) : level >= 40 ? styleText('yellow', label) : label;
  return [new Date(time).toTimeString().slice(0, 8), shown, msg, styleText('gray', rest.join(' '))].join(' ').trimEnd();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Only exports, not the reconciler. */
const EXPORTS_QUERY = `?query=${encodeURIComponent(`WorkflowType = "${RUN_WORKFLOW}"`)}`;

/** @returns the message of a started stack */
export function summary(stack: RunningStack): string {
  const running = styleText('green', 'Waybill is running.');
  return `\n${running}\n${places(stack)}\nCtrl-C stops everything; the data stays.\n`;
}

/** @returns addresses, credentials and commands to try */
export function places({ urls, ports, settings }: RunningStack): string {
  const heading = (text: string) => styleText('bold', text);
  const rows = (pairs: readonly (readonly [string, string])[]) => {
    const width = Math.max(...pairs.map(([label]) => label.length));
    return pairs.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`);
  };
  return [
    '',
    heading('Where'),
    ...rows([
      ['Portal', `${urls.api}/portal`],
      ['Operator', `${urls.api}/operator  (secret: ${DEMO.operatorSecret})`],
      ['API', urls.api],
      ['API documents', `${urls.api}/docs`],
      ['SFTP', urls.sftp],
      ['Temporal', `${urls.temporalUi}/namespaces/${settings.WAYBILL_TEMPORAL_NAMESPACE}/workflows${EXPORTS_QUERY}`],
      ['Schedules', `${urls.temporalUi}/namespaces/${settings.WAYBILL_TEMPORAL_NAMESPACE}/schedules`],
      [
        'MinIO',
        `${urls.objectsConsole}  (${settings.WAYBILL_OBJECTS_ACCESS_KEY} / ${settings.WAYBILL_OBJECTS_SECRET_KEY})`,
      ],
      ['PostgreSQL', `${settings.WAYBILL_LEDGER_URL}`],
      ['Mail', `${urls.mail}  (SMTP on port ${ports.smtp})`],
    ]),
    '',
    heading('Client ids and secrets'),
    ...rows(DEMO_CREDENTIALS.map(({ clientId, secret, scopes }) => [clientId, `${secret}  (${scopes.join(', ')})`])),
    '',
    heading('Try'),
    `  curl -u dreambuilder:dreambuilder-demo-secret '${urls.api}/exports'`,
    `  sftp -P ${ports.sftp} dreambuilder@127.0.0.1`,
    `  npx waybill --help`,
    '',
  ].join('\n');
}
