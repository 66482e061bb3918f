import { WaybillError } from '../../contracts/failures.ts';
import { requestFileName } from '../../contracts/requests.ts';
import type { NotifyInput } from '../../contracts/steps.ts';
import type { Credentials, MailKind, Requests, Run, Runs, Tenants } from '../../stores/ledger/ports.ts';
import { requestAddresses } from '../../stores/ledger/request-addresses.ts';
import { type Mail, MailUncertain } from '../../stores/mail/mail.ts';
import { openManifest } from '../../stores/objects/manifests.ts';
import type { Objects } from '../../stores/objects/objects.ts';
import type { Ports } from '../ports.ts';
import { runOrThrow } from '../step.ts';
import { failedEmail, type RequestMailContext, readyEmail, supportEmail } from './request-email.ts';

/** What mails about requests need of the ports. */
export interface RequestMailPorts extends Pick<Ports, 'catalog' | 'requests' | 'publicUrl' | 'logger'> {
  readonly ledger: {
    readonly requests: Pick<Requests, 'claimMail' | 'settleMail' | 'recordMailed'>;
    readonly runs: Pick<Runs, 'find'>;
    readonly tenants: Pick<Tenants, 'find'>;
    readonly credentials: Pick<Credentials, 'find'>;
  };
  readonly objects: Pick<Objects, 'get'>;
  readonly mail: Pick<Mail, 'send'> | null;
}

/** A mail that a request's end calls for. */
interface Wanted {
  readonly kind: MailKind;
  readonly addresses: readonly string[];
  readonly content: ReturnType<typeof readyEmail>;
}

/**
 * Tells whoever made a request how it ended and, if it failed, support. Every address gets at most one mail an outcome: it is
 * claimed in the ledger before the mail is sent, and a claim is given back only if the mail has certainly not been sent. So a mail
 * whose sender dies between both is not sent again.
 *
 * @returns whether there was somebody to tell
 * @throws WaybillError `mail_unavailable`: another attempt may succeed
 */
export function createSendRequestMails(ports: RequestMailPorts) {
  const { ledger, mail, logger } = ports;

  async function send(run: Run, { kind, addresses, content }: Wanted): Promise<number> {
    let sent = 0;
    for (const address of addresses) {
      if (!mail || !(await ledger.requests.claimMail(run.runId, kind, address))) continue;
      const about = { tenant: run.tenant, runId: run.runId, kind };
      try {
        await mail.send({ ...content, to: [address], reference: `request|${run.runId}|${kind}` });
        await ledger.requests.settleMail(run.runId, kind, address, true);
        sent += 1;
      } catch (error) {
        const isRefused = error instanceof WaybillError && error.code === 'mail_refused';
        if (isRefused) logger.warn({ err: error, ...about }, 'the mail server refused a mail: check the address');
        else if (error instanceof MailUncertain) logger.warn({ err: error, ...about }, 'a mail may not have been sent');
        else {
          await ledger.requests.settleMail(run.runId, kind, address, false);
          throw error;
        }
      }
    }
    return sent;
  }

  /** @param cause what broke, for support; `undefined`: not known */
  return async function sendRequestMails(run: Run, cause: string | undefined): Promise<boolean> {
    const wanted = run.deletedAt === null ? await mailsOf(ports, run, cause) : [];
    if (!mail && wanted.length > 0)
      logger.info({ runId: run.runId }, 'nobody is told of a request: mail is not set up');
    let sent = 0;
    for (const one of wanted) sent += await send(run, one);
    await ledger.requests.recordMailed(run.runId);
    return sent > 0;
  };
}

/** Tells how a request ended. The reconciler makes up for what fails. */
export function createNotify(ports: RequestMailPorts): (input: NotifyInput) => Promise<void> {
  const sendRequestMails = createSendRequestMails(ports);
  return async function notify({ runId, tenant, cause }) {
    await runOrThrow(ports.logger, { tenant }, async () => {
      const run = await ports.ledger.runs.find(runId);
      if (run && run.mailedAt === null) await sendRequestMails(run, cause);
    });
  };
}

async function mailsOf(ports: RequestMailPorts, run: Run, cause: string | undefined): Promise<readonly Wanted[]> {
  const { requests } = ports;
  const context = await contextOf(ports, run);
  if (!context) return [];
  const addresses = await requestAddresses(ports.ledger, run);
  if (run.state === 'completed') return [{ kind: 'ready', addresses, content: readyEmail(run, context) }];
  if (run.state !== 'failed') return [];
  const { temporalUi, supportEmail: support } = requests;
  const temporalUrl =
    temporalUi &&
    `${temporalUi.url}/namespaces/${encodeURIComponent(temporalUi.namespace)}/workflows/${encodeURIComponent(run.workflowId)}/${run.runId}`;
  return [
    { kind: 'failed', addresses, content: failedEmail(run, context) },
    ...(support === null
      ? []
      : [
          {
            kind: 'support' as const,
            addresses: [support],
            content: supportEmail(run, { ...context, cause, temporalUrl }),
          },
        ]),
  ];
}

async function contextOf(ports: RequestMailPorts, run: Run): Promise<RequestMailContext | undefined> {
  const { catalog, ledger, requests, publicUrl } = ports;
  const { order } = run;
  if (!order || !('roundsMax' in order)) return undefined;
  const dataset = catalog.find(order.dataset);
  const columns = dataset?.columns.filter(({ name }) => order.columns?.includes(name) ?? true) ?? [];
  return {
    ...{ order, publicUrl, timeZone: requests.timeZone, supportEmail: requests.supportEmail },
    realm: dataset?.title ?? order.dataset,
    fields: { all: columns.length, anonymized: columns.filter(({ anonymizedFrom }) => anonymizedFrom).length },
    tenantTitle: (await ledger.tenants.find(run.tenant))?.title ?? run.tenant,
    file: run.state === 'completed' ? await fileOf(ports, run, order) : null,
  };
}

/** The mail does without the hash if the manifest cannot be read any more. */
async function fileOf(
  { catalog, objects }: RequestMailPorts,
  run: Run,
  order: NonNullable<RequestMailContext['order']>,
) {
  const name = requestFileName(catalog.find(order.dataset)?.offeredAs ?? order.dataset, order);
  try {
    const { manifest } = await openManifest(objects, run);
    return { name, sha256: manifest.files[0]?.sha256 ?? null };
  } catch (error) {
    if (error instanceof WaybillError && error.code === 'objects_unavailable') throw error;
    return { name, sha256: null };
  }
}
