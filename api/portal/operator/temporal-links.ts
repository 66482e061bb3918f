import type { OperatorAccess } from '../../deps.ts';

/** Addresses in Temporal's UI; `undefined`: it has none that is known. */
export interface TemporalLinks {
  all(): string | undefined;
  run(run: { readonly workflowId: string; readonly runId: string }): string | undefined;
  tenant(key: string): string | undefined;
  schedule(id: string): string | undefined;
}

export function temporalLinks(ui: OperatorAccess['temporalUi']): TemporalLinks {
  const at = (path: string) =>
    ui === null ? undefined : `${ui.url.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(ui.namespace)}/${path}`;
  return {
    all: () => at('workflows'),
    run: ({ workflowId, runId }) => at(`workflows/${encodeURIComponent(workflowId)}/${encodeURIComponent(runId)}`),
    tenant: (key) => at(`workflows?${new URLSearchParams({ query: `WaybillTenant = "${key}"` })}`),
    schedule: (id) => at(`schedules/${encodeURIComponent(id)}`),
  };
}
