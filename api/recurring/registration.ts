import type { z } from 'zod';
import { type Catalog, type Dataset, offeredName } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { mayUseDataset } from '../../contracts/limits.ts';
import type { Frequency } from '../../contracts/recurrence.ts';
import { RECURRING } from '../../contracts/recurring.ts';
import type { FullLoadBody, RegisterBody } from '../../contracts/views/recurring.ts';
import type { StandingFile } from '../../stores/ledger/ports.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import { assertValid } from '../http/field-errors.ts';
import type { RouteAnswer } from '../openapi.ts';
import { findEntities, offeredEntities, readFrom } from './entities.ts';
import type { fullLoad, register, showRegistration } from './routes.ts';

const { kind } = RECURRING;

type RegistrationDeps = Pick<ApiDeps, 'ledger' | 'catalog' | 'temporal' | 'syncSchedule' | 'clock'>;

/** What tenants change about their registration. */
export interface RegistrationChanges {
  /**
   * Replaces the whole configuration.
   * @returns the datasets that are registered from now on; none: exports are disabled
   * @throws InvalidFields; WaybillError `not_found`, `temporal_unavailable`; these change nothing
   */
  register(caller: Caller, body: z.infer<typeof RegisterBody>): Promise<readonly Dataset[]>;
  /**
   * Lets the next run load datasets completely.
   * @returns them
   * @throws InvalidFields; WaybillError `not_found`
   */
  requestFullLoad(caller: Caller, body: z.infer<typeof FullLoadBody>): Promise<readonly Dataset[]>;
}

export function registrationChanges(deps: RegistrationDeps): RegistrationChanges {
  const { ledger, catalog, temporal, syncSchedule, clock } = deps;
  return {
    async register({ tenant, actor }, body) {
      const {
        exportOption,
        entityList,
        frequency,
        at = null,
        timeZone = null,
        jitterMinutes = null,
        ackHours = null,
      } = body;
      const datasets =
        exportOption === 'export all'
          ? offeredEntities(catalog)
          : exportOption === 'export selected'
            ? findEntities(catalog, entityList)
            : [];
      if (exportOption !== 'disable export' && datasets.length === 0) {
        throw new WaybillError('not_found', 'This deployment offers no recurring exports. Ask the operator.');
      }
      const startsFrom = readFrom(body.from, clock.now()) ?? null;
      // Fails before any change if Temporal is unavailable.
      await temporal.nextRun(RECURRING.scheduleId(tenant.key));
      await ledger.registrations.register({
        ...{ tenant: tenant.key, kind, actor, startsFrom },
        datasets: datasets.map(({ name }) => name),
        recurrence: { frequency, at, timeZone, jitterMinutes, ackHours },
      });
      await syncSchedule(RECURRING, tenant.key);
      return datasets;
    },

    async requestFullLoad({ tenant, actor }, { exportOption, entityList, from }) {
      const startsFrom = readFrom(from, clock.now());
      const files = await ledger.registrations.list({ tenant: tenant.key, kind });
      const active = new Set(files.filter((file) => file.active).map(({ dataset }) => dataset));
      const wanted =
        exportOption === 'export all'
          ? offeredEntities(catalog).filter(({ name }) => active.has(name))
          : findEntities(catalog, entityList);
      if (active.size === 0)
        throw new WaybillError('not_found', 'No entity is registered. Register with POST /export.');
      assertValid(
        wanted.flatMap((dataset) =>
          active.has(dataset.name)
            ? []
            : [
                {
                  field: 'entityList',
                  code: 'invalid_field',
                  message: `entityList: ${offeredName(dataset)} is not registered.`,
                },
              ],
        ),
      );
      await ledger.registrations.requestFullLoad({
        ...{ tenant: tenant.key, kind, actor, datasets: wanted.map(({ name }) => name) },
        ...(startsFrom !== undefined && { startsFrom }),
      });
      return wanted;
    },
  };
}

/** Answers `POST /export`: the request is the whole configuration from now on. */
export function registerHandler(changes: RegistrationChanges): RouteAnswer<typeof register> {
  return async function registerEntities(c) {
    const body = c.req.valid('json');
    const { frequency } = body;
    const entities = (await changes.register(c.get('caller'), body)).map(offeredName);
    const enabled = entities.length > 0;
    return c.json(
      {
        status: 'success' as const,
        message: enabled ? `Registered for ${frequency} exports: ${entities.join(', ')}.` : 'Exports are disabled.',
        result: {
          tenant_code: c.get('caller').tenant.key,
          entities,
          count: entities.length,
          grouped_by: 'tenant_code' as const,
          is_active: enabled,
          frequency,
          status: enabled ? ('registered' as const) : ('disabled' as const),
        },
      },
      201,
    );
  };
}

/** Answers `GET /export`. */
export function showHandler({
  ledger,
  catalog,
}: Pick<ApiDeps, 'ledger' | 'catalog'>): RouteAnswer<typeof showRegistration> {
  return async function showRegistrations(c) {
    const { tenant, limits } = c.get('caller');
    const { includeInactive } = c.req.valid('query');
    const order = await ledger.standingOrders.find(tenant.key, kind);
    const frequency = order?.recurrence?.frequency ?? 'daily';
    const all = await ledger.registrations.list({ tenant: tenant.key, kind });
    const files = all.filter(({ dataset }) => mayUseDataset(limits, dataset));
    const wanted = files.filter(({ active }) => active || includeInactive);
    const active = files.filter((file) => file.active).length;
    return c.json({
      status: 'success' as const,
      message: active === 0 ? 'No entity is registered.' : `${active} registered, exported ${frequency}.`,
      result: {
        nextPageToken: '',
        listOfItems: wanted.map((file) => itemOf(catalog, tenant.key, frequency, file)),
      },
    });
  };
}

function itemOf(catalog: Catalog, tenant: string, frequency: Frequency, file: StandingFile) {
  const dataset = catalog.find(file.dataset);
  const columns = file.columns ?? dataset?.columns ?? [];
  return {
    tenant_code: tenant,
    entity: dataset ? offeredName(dataset) : file.dataset,
    grouped_by: 'tenant_code' as const,
    is_active: file.active,
    frequency,
    columns_list: columns.map(({ name }) => name),
    registered_at: file.registeredAt.toISOString(),
    updated_at: file.changedAt.toISOString(),
    delivered_until: file.watermark,
    full_load_queued: file.active && (file.watermark === null || file.fullLoadAt !== null),
    held: file.held,
    last_error: file.failure,
  };
}

/** Answers `POST /export/full-load`. */
export function fullLoadHandler(changes: RegistrationChanges): RouteAnswer<typeof fullLoad> {
  return async function requestFullLoad(c) {
    const entities = (await changes.requestFullLoad(c.get('caller'), c.req.valid('json'))).map(offeredName);
    return c.json({
      status: 'success' as const,
      message: `The next run loads them completely: ${entities.join(', ')}.`,
      result: { entities, count: entities.length, status: 'full_load_queued' as const },
    });
  };
}
