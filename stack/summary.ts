import { styleText } from 'node:util';
import type { RunningStack } from './stack.ts';
import { DEMO_CREDENTIALS } from './tenants.ts';

/** The exports alone: there are also delayed workflows, which will remove files one day. */
const EXPORTS_QUERY = `?query=${encodeURIComponent('WorkflowType IN ("exportDataset", "periodicExport")')}`;

/** @returns what a person wants to know once everything runs, and how to end it */
export function summary(stack: RunningStack): string {
  const running = styleText('green', 'Waybill is running.');
  return `\n${running}\n${places(stack)}\nCtrl-C stops everything; the data stays.\n`;
}

/** @returns where everything is, how to get in, what to try */
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
      ['API', urls.api],
      ['API documents', `${urls.api}/docs`],
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
    `  npx waybill --help`,
    '',
  ].join('\n');
}
