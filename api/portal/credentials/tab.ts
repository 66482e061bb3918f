import { html } from 'hono/html';
import { WaybillError } from '../../../contracts/failures.ts';
import { DOORS } from '../../../contracts/limits.ts';
import type { Credential } from '../../../stores/ledger/ports.ts';
import { generateSecret } from '../../../stores/ledger/secret-hash.ts';
import { confirmation } from '../components/confirm.ts';
import { doorName } from '../components/doors.ts';
import { button, linkButton, postForm } from '../components/field.ts';
import { errorSummary, type FieldProblem } from '../components/notice.ts';
import { breadcrumb, pageHead } from '../components/panel.ts';
import { mayWrite, type PortalContext } from '../environment.ts';
import { PageError } from '../shell/errors.ts';
import type { PortalDeps, Tab } from '../tab.ts';
import { type CredentialForm, expiryOf, limitsOf, openForm, readCredentialForm, scopesOf } from './form.ts';
import {
  addressOf,
  CREDENTIALS,
  CREDENTIALS_PATH,
  type CredentialsPage,
  credentialsPage,
  limitFields,
} from './page.ts';

const ONE = `${CREDENTIALS_PATH}/:clientId`;

/** The tenant's credentials. Only one that is not limited opens it, and only one that may write changes anything. */
export const credentialsTab: Tab = {
  path: CREDENTIALS_PATH,
  name: 'Credentials',
  reach: 'tenant',
  mount(app, deps) {
    const { ledger, catalog, shell } = deps;
    const { credentials } = ledger;

    async function find(c: PortalContext): Promise<Credential> {
      const found = await credentials.find(c.req.param('clientId') ?? '');
      if (found?.tenant !== c.get('caller').tenant.key) throw new WaybillError('not_found');
      if (found.disabledAt !== null) throw new PageError(410, `${found.clientId} is revoked`, 'Make a new credential.');
      if (!mayWrite(c)) throw new WaybillError('insufficient_scope');
      return found;
    }

    app.get(CREDENTIALS_PATH, (c) => show(c, deps, { form: openForm(catalog) }));

    app.post(CREDENTIALS_PATH, async (c) => {
      const form = readCredentialForm(c.get('form'));
      const { limits, problems } = limitsOf(form, catalog);
      const expiresAt = expiryOf(form, c.get('times').zone, deps.clock.now());
      const wrong: FieldProblem[] = [...problems];
      if (expiresAt === undefined) wrong.unshift({ id: 'expires', message: 'Choose today or a later day' });
      if (wrong.length > 0 || expiresAt === undefined) return show(c, deps, { form, problems: wrong });
      const { tenant, actor } = c.get('caller');
      const { clientId } = form;
      const secret = generateSecret();
      try {
        await credentials.add({
          tenant: tenant.key,
          clientId,
          scopes: scopesOf(form),
          secret,
          limits,
          expiresAt,
          actor,
        });
      } catch (error) {
        if (!(error instanceof WaybillError) || error.field !== 'clientId') throw error;
        return show(c, deps, { form, problems: [{ id: 'client-id', message: error.message }] });
      }
      return show(c, deps, { form: openForm(catalog), secret: { clientId, secret, isNew: true } });
    });

    app.post(`${ONE}/rotate`, async (c) => {
      const { clientId } = await find(c);
      const secret = generateSecret();
      await credentials.rotate(clientId, secret, c.get('caller').actor);
      return show(c, deps, { form: openForm(catalog), secret: { clientId, secret, isNew: false } });
    });

    app.get(`${ONE}/rotate`, async (c) => {
      const { clientId } = await find(c);
      return ask(c, deps, clientId, {
        verb: 'Make a new secret',
        question: `Make a new secret for ${clientId}?`,
        what: 'rotate',
        consequence: 'The old secret is void at once. The new one is shown on the next page, this once.',
      });
    });

    app.get(`${ONE}/revoke`, async (c) => {
      const { clientId } = await find(c);
      return ask(c, deps, clientId, {
        verb: 'Revoke credential',
        question: `Revoke ${clientId}?`,
        what: 'revoke',
        consequence: 'Whatever uses it is refused at once. It cannot be used again; a new one has another client id.',
      });
    });

    app.post(`${ONE}/revoke`, async (c) => {
      const { clientId } = await find(c);
      await credentials.disable(clientId, c.get('caller').actor);
      return c.redirect(CREDENTIALS, 303);
    });

    app.get(`${ONE}/limit`, async (c) => {
      const { clientId, doors, datasets } = await find(c);
      const open = openForm(catalog);
      return showLimits(c, clientId, { doors: doors ?? open.doors, datasets: datasets ?? open.datasets }, []);
    });

    app.post(`${ONE}/limit`, async (c) => {
      const { clientId } = await find(c);
      const form = readCredentialForm(c.get('form'));
      const { limits, problems } = limitsOf(form, catalog);
      if (problems.length > 0) return showLimits(c, clientId, form, problems);
      await credentials.limit(clientId, limits, c.get('caller').actor);
      return c.redirect(CREDENTIALS, 303);
    });

    function showLimits(
      c: PortalContext,
      clientId: string,
      form: Pick<CredentialForm, 'doors' | 'datasets'>,
      problems: readonly FieldProblem[],
    ) {
      const isWrong = problems.length > 0;
      const isOwn = clientId === c.get('caller').actor;
      const text = isOwn
        ? 'You are logged in with it: once it is limited, it opens this page no more.'
        : 'Counts from its next request on. All doors and all datasets are no limit.';
      const fields = postForm(
        `${addressOf(clientId)}/limit`,
        c.get('csrf'),
        html`${limitFields(catalog, form, problems)}<div class="row">${button({ label: 'Save limits', look: 'primary' })}${linkButton(CREDENTIALS, { label: 'Keep as it is' })}</div>`,
        { classes: 'panel__body' },
      );
      return shell.page(c, {
        title: `${isWrong ? 'Error: ' : ''}Limits of ${clientId}`,
        tab: CREDENTIALS_PATH,
        status: isWrong ? 422 : 200,
        content: html`<div class="narrow stack">${isWrong ? errorSummary('The limits were not saved', problems) : ''}${pageHead({ title: `Limits of ${clientId}`, text, crumbs: crumbs(clientId, 'Limit') })}<section class="panel" aria-label="Limits">${fields}</section></div>`,
      });
    }
  },
};

function crumbs(clientId: string, current: string) {
  return breadcrumb([[CREDENTIALS, 'Credentials']], `${current} ${clientId}`);
}

async function show(
  c: PortalContext,
  { ledger, catalog, shell }: PortalDeps,
  shown: Omit<CredentialsPage, 'credentials'>,
) {
  const credentials = await ledger.credentials.list(c.get('caller').tenant.key);
  return shell.page(c, credentialsPage(c, catalog, { ...shown, credentials }));
}

interface Question {
  readonly verb: string;
  readonly question: string;
  readonly what: 'rotate' | 'revoke';
  readonly consequence: string;
}

/** Asks first. Whoever would lock themselves out is told so. */
async function ask(c: PortalContext, { ledger, shell }: PortalDeps, clientId: string, asked: Question) {
  const { tenant, actor } = c.get('caller');
  const isOwn = clientId === actor;
  const credentials = await ledger.credentials.list(tenant.key);
  const others = credentials.filter(
    (each) =>
      each.clientId !== clientId &&
      each.disabledAt === null &&
      each.scopes.includes('write') &&
      each.doors === null &&
      each.datasets === null,
  );
  const credential = credentials.find((each) => each.clientId === clientId);
  const own = isOwn ? ' You are logged in with this credential: you are logged out with it.' : '';
  const last =
    asked.what === 'revoke' && others.length === 0
      ? ' It is the last one that may manage credentials: afterwards only the operator can make another.'
      : '';
  const content = confirmation({
    crumbs: crumbs(clientId, asked.verb),
    question: asked.question,
    lost: [
      ['Credential', clientId],
      ['Doors', credential?.doors?.map(doorName).join(', ') ?? `all ${DOORS.length}`],
      ['Ends', 'its log-ins to the portal, its access tokens and its SFTP sessions'],
    ],
    consequence: `${asked.consequence}${own}${last}`,
    action: `${addressOf(clientId)}/${asked.what}`,
    csrf: c.get('csrf'),
    verb: asked.verb,
    keep: CREDENTIALS,
  });
  return shell.page(c, { title: asked.question, tab: CREDENTIALS_PATH, content });
}
