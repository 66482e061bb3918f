import { html } from 'hono/html';
import { WaybillError } from '../../../contracts/failures.ts';
import { DAY } from '../../../contracts/recurrence.ts';
import { RECURRING } from '../../../contracts/recurring.ts';
import { attachment } from '../../http/download.ts';
import { InvalidFields } from '../../http/field-errors.ts';
import { recurringDownloads } from '../../recurring/download.ts';
import { offeredEntities } from '../../recurring/entities.ts';
import { registrationChanges } from '../../recurring/registration.ts';
import { recurringRunStarter } from '../../recurring/runs.ts';
import { addSftpKey } from '../../recurring/sftp-keys.ts';
import { confirmation } from '../components/confirm.ts';
import type { FieldProblem } from '../components/notice.ts';
import { breadcrumb } from '../components/panel.ts';
import { apiContext, mayWrite, type PortalContext } from '../environment.ts';
import { changes } from '../live/stream.ts';
import type { Tab } from '../tab.ts';
import { dayAddress, RECURRING_ADDRESS, RECURRING_PATH } from './calendar-panel.ts';
import { keyType, readGateway } from './connect.ts';
import { dayPage, readDay } from './day.ts';
import { fullLoadPage } from './full-load.ts';
import { type KnownRecurring, knownRecurringReader } from './known.ts';
import { type RecurringPage, recurringPage, recurringParts } from './page.ts';
import {
  fullLoadBody,
  REGISTRATION_FIELDS,
  readRegistrationForm,
  registrationBody,
  registrationProblems,
} from './registration-form.ts';

const DAYS = `${RECURRING_PATH}/days/:day{[0-9]{4}-[0-9]{2}-[0-9]{2}}`;
const RUNS = `${RECURRING_PATH}/runs/:id{[0-9a-f-]{36}}`;

/** Recurring exports: the registration, the deliveries as a calendar, and how to fetch them. */
export const recurringTab: Tab = {
  path: RECURRING_PATH,
  name: 'Recurring',
  reach: { door: RECURRING.kind, datasets: 'all' },
  keeps: REGISTRATION_FIELDS,
  isOffered: ({ catalog }) => offeredEntities(catalog).length > 0,
  mount(app, deps) {
    const { shell, ledger, catalog, settings } = deps;
    const registration = registrationChanges(deps);
    const downloads = recurringDownloads(deps);
    const start = recurringRunStarter(deps);
    const read = knownRecurringReader(deps);
    const usual = { at: settings.WAYBILL_RECURRING_AT, timeZone: settings.WAYBILL_RECURRING_TIME_ZONE };

    async function show(
      c: PortalContext,
      shown: Pick<RecurringPage, 'problems' | 'publicKey' | 'notice'> & { readonly fields?: URLSearchParams } = {},
    ) {
      const { key: tenant } = c.get('caller').tenant;
      const [known, gateway, keys, destination] = await Promise.all([
        read(c),
        readGateway(deps),
        ledger.sftpKeys.list(tenant),
        ledger.destinations.find(tenant),
      ]);
      const { fields = new URL(c.req.url).searchParams, ...rest } = shown;
      const form = readRegistrationForm(fields, catalog, known);
      const push = destination && { destination, last: await ledger.deliveries.last(tenant) };
      return shell.page(c, recurringPage(c, deps, { known, form, gateway, keys, push, ...rest }));
    }

    /** Does what a form asks. What is wrong is told where `onProblems` shows it, anything else above the page. */
    async function carryOut(
      c: PortalContext,
      title: string,
      act: () => Promise<Response>,
      onProblems: (problems: readonly FieldProblem[]) => Response | Promise<Response>,
    ): Promise<Response> {
      try {
        return await act();
      } catch (error) {
        if (error instanceof InvalidFields) return onProblems(registrationProblems(error.errors));
        if (!(error instanceof WaybillError)) throw error;
        c.get('logger').warn({ err: error, code: error.code }, 'a form of recurring exports was not carried out');
        return show(c, { notice: { kind: 'bad', title, text: error.message, isAnswer: true } });
      }
    }

    app.get(RECURRING_PATH, (c) => show(c));
    app.get(
      `${RECURRING_PATH}/events`,
      changes(deps, async (c) => {
        const known = await read(c, true);
        return { fragments: recurringParts(c, deps, known), say: sayingOf(known) };
      }),
    );

    app.post(RECURRING_PATH, async (c) => {
      const fields = c.get('form');
      const parsed = registrationBody(readRegistrationForm(fields, catalog, await read(c)), usual);
      const refuse = (problems: readonly FieldProblem[]) => show(c, { problems, fields });
      if ('problems' in parsed) return refuse(parsed.problems);
      const act = async () => {
        await registration.register(c.get('caller'), parsed.body);
        return c.redirect(RECURRING_ADDRESS, 303);
      };
      return carryOut(c, 'The registration was not saved', act, refuse);
    });

    app.post(`${RECURRING_PATH}/run`, (c) => {
      const act = async () => {
        await start(c.get('caller'), undefined);
        return c.redirect(RECURRING_ADDRESS, 303);
      };
      return carryOut(c, 'No run was started', act, (problems) => show(c, { problems }));
    });

    app.get(`${RECURRING_PATH}/full-load`, async (c) => {
      assertWriter(c);
      return shell.page(c, fullLoadPage(c, await read(c), catalog, { fields: new URL(c.req.url).searchParams }));
    });
    app.post(`${RECURRING_PATH}/full-load`, async (c) => {
      const fields = c.get('form');
      const parsed = fullLoadBody(fields);
      const refuse = async (problems: readonly FieldProblem[]) =>
        shell.page(c, fullLoadPage(c, await read(c), catalog, { fields, problems }));
      if ('problems' in parsed) return refuse(parsed.problems);
      const act = async () => {
        await registration.requestFullLoad(c.get('caller'), parsed.body);
        return c.redirect(RECURRING_ADDRESS, 303);
      };
      return carryOut(c, 'No full load was queued', act, refuse);
    });

    app.get(DAYS, async (c) => shell.page(c, dayPage(c, deps, await readDay(c, deps, dayOfPath(c)))));
    app.post(`${DAYS}/again`, (c) => {
      const day = dayOfPath(c);
      const act = async () => {
        await start(c.get('caller'), day);
        return c.redirect(dayAddress(day), 303);
      };
      return carryOut(c, 'The day is not delivered again', act, (problems) => show(c, { problems }));
    });

    for (const name of ['manifest', 'signature'] as const) {
      app.get(`${RUNS}/${name}`, (c) => {
        c.header('Content-Disposition', attachment(name === 'manifest' ? 'manifest.json' : 'manifest.dsse.json'));
        return downloads[name](apiContext(c), c.req.param('id'));
      });
    }
    app.get(`${RUNS}/files/:file`, (c) => downloads.file(apiContext(c), c.req.param('id'), c.req.param('file')));

    app.post(`${RECURRING_PATH}/keys`, async (c) => {
      const publicKey = c.get('form').get('publicKey') ?? '';
      try {
        await addSftpKey(ledger, c.get('caller'), publicKey);
      } catch (error) {
        if (!(error instanceof WaybillError && error.field === 'publicKey')) throw error;
        const shown = /PRIVATE KEY/.test(publicKey) ? '' : publicKey;
        return show(c, {
          problems: [{ id: 'publicKey', message: error.message }],
          publicKey: shown,
          fields: NO_FIELDS,
        });
      }
      return c.redirect(`${RECURRING_ADDRESS}#keys`, 303);
    });
    app.get(`${RECURRING_PATH}/keys/remove`, async (c) => {
      assertWriter(c);
      const keys = await ledger.sftpKeys.list(c.get('caller').tenant.key);
      const key = keys.find((one) => one.fingerprint === c.req.query('fingerprint') && one.disabledAt === null);
      if (!key) throw new WaybillError('not_found');
      const content = confirmation({
        crumbs: breadcrumb([[RECURRING_ADDRESS, 'Recurring']], 'Remove key'),
        question: 'Remove this key?',
        lost: [
          ['Key', html`${keyType(key.publicKey)}<br><code class="break">${key.fingerprint}</code>`],
          ['Sessions', 'those that it has opened end with their next request'],
        ],
        consequence: 'It no longer logs in. You can add it again.',
        fields: html`<input type="hidden" name="fingerprint" value="${key.fingerprint}">`,
        action: `${RECURRING_ADDRESS}/keys/remove`,
        csrf: c.get('csrf'),
        verb: 'Remove key',
        keep: `${RECURRING_ADDRESS}#keys`,
      });
      return shell.page(c, { title: 'Remove this key?', tab: RECURRING_PATH, content });
    });
    app.post(`${RECURRING_PATH}/keys/remove`, async (c) => {
      const { tenant, actor } = c.get('caller');
      await ledger.sftpKeys.disable(tenant.key, c.get('form').get('fingerprint') ?? '', actor);
      return c.redirect(`${RECURRING_ADDRESS}#keys`, 303);
    });
  },
};

const NO_FIELDS = new URLSearchParams();

/** A page that asks is for those who may answer. */
function assertWriter(c: PortalContext): void {
  if (!mayWrite(c)) throw new WaybillError('insufficient_scope');
}

function dayOfPath(c: PortalContext): string {
  const day = c.req.param('day') ?? '';
  if (!DAY.test(day)) throw new WaybillError('not_found');
  return day;
}

/** Screen readers are told each quarter and the end, not every percent. */
function sayingOf({ running, progress, page }: KnownRecurring): string | undefined {
  if (!running) return page.rows[0] ? `Last run: ${page.rows[0].state}` : undefined;
  const quarter = Math.floor((progress?.percent ?? 0) / 25) * 25;
  return quarter > 0 ? `Run: ${quarter} percent` : undefined;
}
