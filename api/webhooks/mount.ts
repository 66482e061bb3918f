import type { Guards } from '../auth/authenticate.ts';
import type { ApiDeps } from '../deps.ts';
import { optionalJson } from '../http/requests.ts';
import { type ApiApp, mount } from '../openapi.ts';
import { deliveriesHandler, putHandler, removeHandler, rotateHandler, showHandler, testHandler } from './handlers.ts';
import * as routes from './routes.ts';

/** Mounts the routes with which a tenant sets where it is told of outcomes. */
export function mountWebhooks(app: ApiApp, deps: ApiDeps, { requireCaller }: Guards): void {
  const read = [requireCaller('read', 'tenant')];
  const write = [requireCaller('write', 'tenant')];
  const writeJson = [...write, optionalJson(deps.settings.WAYBILL_BODY_BYTES_MAX)];
  mount(app, routes.putWebhook, writeJson, putHandler(deps));
  mount(app, routes.showWebhook, read, showHandler(deps));
  mount(app, routes.removeWebhook, write, removeHandler(deps));
  mount(app, routes.testWebhook, write, testHandler(deps));
  mount(app, routes.rotateWebhook, write, rotateHandler(deps));
  mount(app, routes.listDeliveries, read, deliveriesHandler(deps));
  for (const event of routes.sentEvents) app.openAPIRegistry.registerWebhook(event);
}
