import { FAILURES } from '../../contracts/failures.ts';
import type { FileFormat, RequestOrder } from '../../contracts/order.ts';
import { explainFailure, isAvoidable } from '../../contracts/request-failures.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import type { Email } from '../../stores/mail/mail.ts';
import { type Fact, layOutRequest, type RequestContent } from './request-layout.ts';
import { counted, dayText, momentText, oneLine, shortened, sizeText, windowText } from './words.ts';

/** What a mail about a request says besides the run. */
export interface RequestMailContext {
  readonly order: RequestOrder;
  /** Title of the dataset. */
  readonly realm: string;
  /** Counts of columns. */
  readonly fields: { readonly all: number; readonly anonymized: number };
  readonly tenantTitle: string;
  /** Name and SHA-256 of the data file; `null`: there is none. */
  readonly file: { readonly name: string; readonly sha256: string | null } | null;
  /** Base URL of the service. */
  readonly publicUrl: string;
  /** IANA name. */
  readonly timeZone: string;
  readonly supportEmail: string | null;
}

/** Of a request that has failed, for the operator. */
export interface SupportContext extends RequestMailContext {
  /** What broke; `undefined`: not known. */
  readonly cause: string | undefined;
  /** Of the run in Temporal's UI; `null`: not known. */
  readonly temporalUrl: string | null;
}

const TITLE_MAX = 60;

type Content = Pick<Email, 'subject' | 'text' | 'html'>;

/** @returns the mail that says that a request is available, and until when */
export function readyEmail(run: Run, context: RequestMailContext): Content {
  const { realm, publicUrl, timeZone } = named(context);
  const size = `${counted(run.rows ?? 0, 'row')}, ${sizeText(run.contentBytes ?? 0)}`;
  const until = run.expiresAt ? momentText(run.expiresAt, timeZone) : 'the date that the portal shows';
  return layOutRequest({
    subject: `Your ${shortened(realm, TITLE_MAX)} export is ready`,
    preview: `Download it by ${run.expiresAt ? dayText(run.expiresAt, timeZone) : 'then'}. ${size}.`,
    heading: `Your ${realm} export is ready`,
    paragraphs: [[`${size}. Download it by `, { strong: until }, ` (${timeZone}); then the file is deleted.`]],
    button: { label: 'Open and download', url: requestUrl(publicUrl, run) },
    after: ['You log in first; the link alone opens nothing.'],
    facts: factsOf(run, context),
    closing: closingOf(run, context),
  });
}

/** @returns the mail that says in words for the user why there is no file, and what to do */
export function failedEmail(run: Run, context: RequestMailContext): Content {
  const { realm, publicUrl } = named(context);
  const { reason, advice, button } = explainFailure(run.failure);
  const help =
    context.supportEmail === null
      ? `If you need help, name request ${run.number} to the operator of the service.`
      : `If you need help, write to ${context.supportEmail} and name request ${run.number}.`;
  return layOutRequest({
    subject: `Your ${shortened(realm, TITLE_MAX)} export could not be made`,
    preview: reason,
    heading: `Your ${realm} export could not be made`,
    paragraphs: [[{ bad: reason }, ' No file was made.'], [advice]],
    button: { label: button, url: requestUrl(publicUrl, run) },
    after: [],
    facts: factsOf(run, context),
    help,
    closing: closingOf(run, context),
  });
}

/** @returns the mail with what an operator needs to find out why a request failed; no rows, no keys */
export function supportEmail(run: Run, context: SupportContext): Content {
  const code = run.failure?.code ?? 'internal';
  const detail: Fact[] = [
    { label: 'Code', value: code, exact: true },
    { label: 'Message', value: oneLine(run.failure?.message ?? FAILURES.internal.title) },
    ...(context.cause === undefined ? [] : [{ label: 'Cause', value: oneLine(context.cause), exact: true }]),
    { label: 'Run', value: run.runId, exact: true },
    { label: 'Workflow', value: run.workflowId, exact: true },
    ...(context.temporalUrl === null ? [] : [{ label: 'Temporal', value: context.temporalUrl, exact: true }]),
  ];
  return layOutRequest({
    subject: `[support] Request ${run.number} of ${run.tenant} failed: ${code}`,
    preview: `${code}: ${oneLine(run.failure?.message ?? '')}`,
    heading: `Request ${run.number} of ${run.tenant} failed`,
    paragraphs: [
      [
        isAvoidable(code)
          ? 'The user has been told what to do. Nothing is broken.'
          : 'The user has been told that you look into it.',
      ],
    ],
    button: null,
    after: [],
    facts: [...detail, ...factsOf(run, context)],
    closing: ['You get this because WAYBILL_SUPPORT_EMAIL names this address. It is sent once a request.'],
  });
}

function factsOf(run: Run, context: RequestMailContext): readonly Fact[] {
  const { order, fields, file, timeZone } = context;
  const { realm } = named(context);
  const anonymized = fields.anonymized > 0 ? `, ${fields.anonymized} de-identified` : '';
  const by = run.requestedBy === null ? '' : `, by ${oneLine(run.requestedBy)}`;
  return [
    { label: 'Request', value: `${run.number}${by} on ${dayText(run.requestedAt, timeZone)}` },
    { label: 'Realm', value: `${realm}, ${counted(fields.all, 'field')}${anonymized}` },
    { label: 'Window', value: windowText(order.window.from, order.window.to) },
    ...(file === null
      ? [{ label: 'Format', value: formatName(order) }]
      : [
          {
            label: 'File',
            value: `${file.name.replace(/\.[a-z]+$/, '.zip')}, ${formatName(order)}`,
          },
        ]),
    ...(file?.sha256 ? [{ label: 'SHA-256', value: `${file.sha256} (of ${file.name} in it)`, exact: true }] : []),
  ];
}

const FORMAT_NAMES: Partial<Readonly<Record<FileFormat, string>>> = {
  csv: 'CSV',
  xlsx: 'Excel',
  parquet: 'Parquet',
  sav: 'SPSS',
  zsav: 'SPSS, compressed',
  dta: 'Stata',
};

function formatName({ format }: RequestOrder): string {
  return FORMAT_NAMES[format] ?? 'JSON';
}

function named({ realm, publicUrl, timeZone }: RequestMailContext) {
  return { realm: oneLine(realm), publicUrl, timeZone };
}

function closingOf({ requestedBy }: Run, { tenantTitle, supportEmail }: RequestMailContext): RequestContent['closing'] {
  const by = requestedBy === null ? '' : ` by ${oneLine(requestedBy)}`;
  return [
    `You get this because a request was made for ${oneLine(tenantTitle)}${by}. It is sent once and needs no answer.`,
    ...(supportEmail === null ? [] : [supportEmail]),
  ];
}

function requestUrl(publicUrl: string, { number }: Run): string {
  return `${publicUrl}/portal/requests/${number}`;
}
