import { offeredAt } from '../../../config/dataset.ts';
import { WaybillError } from '../../../contracts/failures.ts';
import { FILE_TYPES, PERIODIC } from '../../../contracts/periodic.ts';
import type { EnabledAnswer } from '../../../contracts/views/periodic.ts';
import { attachment } from '../../http/download.ts';
import { periodicDownloads } from '../../periodic/download.ts';
import { offeredFiles } from '../../periodic/input.ts';
import { createPeriodicSettings } from '../../periodic/settings.ts';
import { createStandingChanges } from '../../runs/standing.ts';
import type { Notice } from '../components/notice.ts';
import { secretPanel } from '../components/secret.ts';
import { apiContext, mayWrite, type PortalContext } from '../environment.ts';
import { changes } from '../live/stream.ts';
import type { Tab } from '../tab.ts';
import { deletePage, disablePage, rotatePage } from './confirm.ts';
import { enableBody, KEY_FIELDS, readKeyForm, rotateBody } from './key-form.ts';
import { type KnownPeriodic, knownPeriodicReader } from './known.ts';
import { type PeriodicPage, periodicPage, periodicParts } from './page.ts';
import { PERIODIC_ADDRESS, PERIODIC_PATH } from './panels.ts';

/** Periodic exports: the key, the files of the newest generation, and the runs. */
export const periodicTab: Tab = {
  path: PERIODIC_PATH,
  name: 'Periodic',
  reach: { door: PERIODIC.kind, datasets: 'all' },
  keeps: KEY_FIELDS,
  isOffered: ({ catalog }) => offeredAt(catalog, PERIODIC.kind).length > 0,
  mount(app, deps) {
    const { shell } = deps;
    const standing = createStandingChanges(deps, PERIODIC);
    const settings = createPeriodicSettings({ ...deps, standing });
    const downloads = periodicDownloads(deps);
    const read = knownPeriodicReader(deps);
    const files = new Set(offeredFiles(deps.catalog));

    const formOf = (c: PortalContext, { schedule }: KnownPeriodic) => {
      return readKeyForm(c.req.method === 'POST' ? c.get('form') : new URL(c.req.url).searchParams, schedule);
    };
    async function show(c: PortalContext, shown: Omit<PeriodicPage, 'known' | 'form'> = {}) {
      const known = await read(c);
      return shell.page(c, periodicPage(c, deps, { known, form: formOf(c, known), ...shown }));
    }

    /** Tells in the page why something was not done. */
    async function orTell(c: PortalContext, title: string, act: () => Promise<Response>): Promise<Response> {
      try {
        return await act();
      } catch (error) {
        if (!(error instanceof WaybillError)) throw error;
        c.get('logger').warn({ err: error, code: error.code }, 'a form of periodic exports was not carried out');
        return show(c, { notice: refusal(title, error) });
      }
    }

    app.get(PERIODIC_PATH, (c) => show(c));
    app.get(
      `${PERIODIC_PATH}/events`,
      changes(deps, async (c) => {
        const known = await read(c, true);
        return { fragments: periodicParts(c, deps, { known, form: formOf(c, known) }), say: sayingOf(known) };
      }),
    );

    app.post(PERIODIC_PATH, async (c) => {
      const known = await read(c);
      const parsed = enableBody(formOf(c, known), known.schedule);
      if ('problems' in parsed) return show(c, { problems: parsed.problems });
      return orTell(c, 'Nothing was enabled', async () => {
        const answer = await settings.enable(c.get('caller'), parsed.body, c.get('logger'));
        return shownOnce(c, answer);
      });
    });

    app.post(`${PERIODIC_PATH}/run`, (c) =>
      orTell(c, 'No run was started', async () => {
        const { tenant, actor } = c.get('caller');
        await standing.start(tenant.key, actor);
        return c.redirect(PERIODIC_ADDRESS, 303);
      }),
    );

    app.get(`${PERIODIC_PATH}/rotate`, async (c) => {
      const known = await asked(c);
      return known.standingOrder?.enabled
        ? shell.page(c, rotatePage(c, known, formOf(c, known)))
        : c.redirect(PERIODIC_ADDRESS, 303);
    });
    app.post(`${PERIODIC_PATH}/rotate`, async (c) => {
      const known = await read(c);
      // Sent again, by loading the answer again: another key would make the first one worthless.
      if (String(known.standingOrder?.epoch) !== c.get('form').get('epoch')) return show(c, { notice: REPLACED });
      const form = formOf(c, known);
      const parsed = rotateBody(form);
      if ('problems' in parsed) return shell.page(c, rotatePage(c, known, form, parsed.problems));
      return orTell(c, 'The key was not replaced', async () => {
        const answer = await settings.rotate(c.get('caller'), parsed.body, c.get('logger'));
        return shownOnce(c, answer);
      });
    });

    app.get(`${PERIODIC_PATH}/disable`, async (c) => shell.page(c, disablePage(c, await asked(c))));
    app.post(`${PERIODIC_PATH}/disable`, (c) =>
      orTell(c, 'Nothing was disabled', async () => {
        const { tenant, actor } = c.get('caller');
        await standing.disable(tenant.key, actor);
        return c.redirect(PERIODIC_ADDRESS, 303);
      }),
    );
    app.get(`${PERIODIC_PATH}/delete`, async (c) => shell.page(c, deletePage(c, await asked(c))));
    app.post(`${PERIODIC_PATH}/delete`, (c) =>
      orTell(c, 'Not everything is deleted', async () => {
        const { tenant, actor } = c.get('caller');
        await standing.forget(tenant.key, actor);
        return c.redirect(PERIODIC_ADDRESS, 303);
      }),
    );

    app.get(`${PERIODIC_PATH}/download`, (c) => {
      const name = c.req.query('file');
      const fileType = FILE_TYPES.find((type) => type === c.req.query('type'));
      if (!fileType || (name !== undefined && !files.has(name))) throw new WaybillError('not_found');
      const request = { fileType, typed: false, decryption: { sealed: true } } as const;
      return name === undefined ? downloads.all(apiContext(c), request) : downloads.file(apiContext(c), name, request);
    });
    app.get(`${PERIODIC_PATH}/manifest`, (c) => {
      c.header('Content-Disposition', attachment('manifest.json'));
      return downloads.manifest(apiContext(c));
    });
    app.get(`${PERIODIC_PATH}/signature`, (c) => {
      c.header('Content-Disposition', attachment('manifest.dsse.json'));
      return downloads.signature(apiContext(c));
    });

    /** A page that asks is for those who may answer. */
    async function asked(c: PortalContext): Promise<KnownPeriodic> {
      if (!mayWrite(c)) throw new WaybillError('insufficient_scope');
      return read(c);
    }

    function shownOnce(c: PortalContext, { privateKey, hint }: EnabledAnswer): Response | Promise<Response> {
      if (privateKey === null) return c.redirect(PERIODIC_ADDRESS, 303);
      return show(c, {
        ...(hint !== undefined && { notice: { title: 'Not everything went as usual', text: hint } }),
        secret: secretPanel({
          title: 'Your private key. This is the only time it is shown',
          secret: privateKey,
          name: 'private key',
          file: 'periodic.key',
          done: 'I have stored the key',
          next: PERIODIC_ADDRESS,
          note: 'It opens every file from now on. It is stored nowhere here: whoever loses it makes a new key, and old files stay shut.',
        }),
      });
    }
  },
};

const REPLACED: Notice = {
  kind: 'warn',
  title: 'The key has been replaced already',
  text: 'Nothing was changed now. If you do not have the key that was shown then, make a new one.',
  isAnswer: true,
};

const HINTS: Readonly<Record<string, string>> = {
  already_enabled: 'They are enabled already. If you do not have the key, make a new one.',
  settings_busy: 'A run is still ending. Nothing can be downloaded any more; send the form again in a few seconds.',
};

function refusal(title: string, { code, message }: WaybillError): Notice {
  return { kind: 'bad', title, text: HINTS[code] ?? message, isAnswer: true };
}

/** Screen readers are told each quarter and the end, not every percent. */
function sayingOf({ running, progress, ended }: KnownPeriodic): string | undefined {
  if (!running) return ended ? `Last run: ${ended.failure ? ended.state : 'published'}` : undefined;
  const quarter = Math.floor((progress?.percent ?? 0) / 25) * 25;
  return quarter > 0 ? `Run: ${quarter} percent` : undefined;
}
