import { Command } from 'commander';
import type { z } from 'zod';
import {
  WEBHOOKS_PATH,
  WebhookAnswer,
  WebhookDeliveries,
  WebhookRemoved,
  WebhookSecret,
  WebhookTested,
} from '../../contracts/views/webhooks.ts';
import { WEBHOOK_EVENTS } from '../../contracts/webhook.ts';
import { addExamples, type Cli, parseCount } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { addClientOptions, type ClientOptions, connect, readJson } from '../http/client.ts';
import { formatTime } from '../screen/figures.ts';
import { formatFields, plain, type Terminal, tableLines } from '../screen/terminal.ts';
import { parseColumns } from './export.ts';

export function webhookCommand(cli: Cli): Command {
  return new Command('webhook')
    .description('Webhooks: be told when exports complete, fail, recover, are held or expire soon')
    .addCommand(setCommand(cli))
    .addCommand(showCommand(cli))
    .addCommand(testCommand(cli))
    .addCommand(rotateCommand(cli))
    .addCommand(deliveriesCommand(cli))
    .addCommand(removeCommand(cli));
}

function setCommand(cli: Cli): Command {
  const command = new Command('set')
    .description('Set where events are sent; the first time, the secret is shown, this once')
    .argument('[url]', 'https address; without it, events go only to the callback of each order')
    .optionsGroup('Options:')
    .option('--events <names>', `comma-separated, of ${WEBHOOK_EVENTS.join(', ')} (default: all)`, parseColumns);
  addExamples(
    command,
    'waybill webhook set https://example.com/waybill',
    'waybill webhook set https://example.com/waybill --events export.failed,export.recovered',
  );
  return addClientOptions(command).action(
    async (url: string | undefined, options: ClientOptions & { readonly events?: readonly string[] }) => {
      const body = { url: url ?? null, ...(options.events && { events: options.events }) };
      const answer = await connect(cli, options).call('PUT', WEBHOOKS_PATH, { body });
      showSecret(cli, options, await readJson(WebhookSecret, answer));
    },
  );
}

function showCommand(cli: Cli): Command {
  const command = new Command('show').description('Show where events are sent');
  return addClientOptions(command).action(async (options: ClientOptions) => {
    const { webhook } = await connect(cli, options).json(WebhookAnswer, WEBHOOKS_PATH);
    if (options.json) return cli.terminal.printJson(webhook);
    cli.terminal.print(...webhookLines(cli.terminal, webhook));
  });
}

function testCommand(cli: Cli): Command {
  const command = new Command('test').description(
    'Send a test event and show the answer; exit code 1 if it is not 2xx',
  );
  return addClientOptions(command).action(async (options: ClientOptions) => {
    const answer = await connect(cli, options).call('POST', `${WEBHOOKS_PATH}/test`);
    const tested = await readJson(WebhookTested, answer);
    if (!tested.delivered) cli.endWith(EXIT.failed);
    if (options.json) return cli.terminal.printJson(tested);
    const line = `${plain(tested.message)} (${tested.milliseconds} ms)`;
    if (tested.delivered) cli.terminal.logDone(line);
    else cli.terminal.log(`${cli.terminal.paintLog('red', '✗')} ${line}`);
  });
}

function rotateCommand(cli: Cli): Command {
  const command = new Command('rotate').description(
    'Replace the secret; the new one is shown this once, and the old one signs too for 24 hours',
  );
  return addClientOptions(command).action(async (options: ClientOptions) => {
    const answer = await connect(cli, options).call('POST', `${WEBHOOKS_PATH}/rotate`);
    showSecret(cli, options, await readJson(WebhookSecret, answer));
  });
}

function deliveriesCommand(cli: Cli): Command {
  const command = new Command('deliveries')
    .description('List events and how they were answered, the newest first')
    .optionsGroup('Options:')
    .option('--limit <count>', 'at most this many', parseCount, 20);
  return addClientOptions(command).action(async (options: ClientOptions & { readonly limit: number }) => {
    const path = `${WEBHOOKS_PATH}/deliveries?limit=${options.limit}`;
    const { deliveries } = await connect(cli, options).json(WebhookDeliveries, path);
    if (options.json) return cli.terminal.printJson(deliveries);
    if (deliveries.length === 0) return cli.terminal.log('There was no event yet.');
    const columns = [
      ...['CREATED (UTC)', 'EVENT', 'EXPORT', 'TO', 'STATE'].map((title) => ({ title })),
      ...['TRIES', 'ANSWER'].map((title) => ({ title, align: 'right' as const })),
      { title: 'NEXT (UTC)' },
    ];
    const rows = deliveries.map((one) => [
      formatTime(one.createdAt),
      one.type,
      one.exportId ?? '',
      plain(one.host ?? 'url'),
      cli.terminal.paint(PAINTS[one.state], one.state),
      String(one.attempts),
      String(one.lastStatus ?? one.lastError ?? ''),
      formatTime(one.nextAttemptAt),
    ]);
    cli.terminal.print(...tableLines(cli.terminal, columns, rows));
  });
}

const PAINTS = { pending: 'cyan', delivered: 'green', failed: 'red', skipped: 'dim' } as const;

function removeCommand(cli: Cli): Command {
  const command = new Command('remove').description('Remove the webhook and its secret: nothing is sent any more');
  return addClientOptions(command).action(async (options: ClientOptions) => {
    const answer = await connect(cli, options).call('DELETE', WEBHOOKS_PATH);
    const { removed } = await readJson(WebhookRemoved, answer);
    if (options.json) return cli.terminal.printJson({ removed });
    cli.terminal.logDone(removed ? 'the webhook is removed' : 'there was no webhook');
  });
}

type Shown = z.infer<typeof WebhookAnswer>['webhook'];

function webhookLines(terminal: Terminal, webhook: Shown): readonly string[] {
  const { url, events, changedAt, disabledAt, previousSecretUntil } = webhook;
  return formatFields([
    ['url', url === null ? 'none: only callbacks of orders' : plain(url)],
    ['events', events.join(', ')],
    ['changed', formatTime(changedAt)],
    ...(disabledAt === null
      ? []
      : [['disabled', terminal.paint('red', `since ${formatTime(disabledAt)}: it answered 410`)] as const]),
    ...(previousSecretUntil === null
      ? []
      : [['previous secret', `signs too until ${formatTime(previousSecretUntil)}`] as const]),
  ]);
}

function showSecret(cli: Cli, options: ClientOptions, { webhook, secret }: z.infer<typeof WebhookSecret>): void {
  if (options.json) {
    cli.terminal.printJson({ webhook, secret });
    return;
  }
  cli.terminal.print(...webhookLines(cli.terminal, webhook));
  if (secret === null) {
    cli.terminal.log('The secret is the one that you have.');
    return;
  }
  cli.terminal.print(...formatFields([['secret', cli.terminal.paint('bold', secret)]]));
  cli.terminal.log('The secret is shown this once: your receiver verifies signatures with it.');
}
