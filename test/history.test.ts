import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { useStack } from './context.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { createPeriodicClient, enableAndWait } from './periodic-client.ts';
import { decodeHistory, openTemporal } from './temporal.ts';

const FIXTURES = fileURLToPath(new URL('./fixtures/histories/', import.meta.url));

/** Most events of a single-part export. */
const EVENTS_MAX = 30;
/** Most events of a run of the 36 periodic files of the small sample. */
const PERIODIC_EVENTS_MAX = 66;

/** Maximum size of one input or result in the history of such a run. */
const PAYLOAD_BYTES_MAX = 100_000;

/** @returns size in bytes of the largest payload anywhere in the value */
function largestPayload(value: unknown): number {
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 0;
  return Math.max(0, ...Object.values(value).map(largestPayload));
}

describe('workflow histories', () => {
  it.each(readdirSync(FIXTURES))('%s, recorded earlier, replay with the current code', async (name) => {
    const history = decodeHistory(readFileSync(`${FIXTURES}${name}`));
    const codePath = useStack().settings.WAYBILL_WORKFLOW_BUNDLE ?? '';
    await Worker.runReplayHistory({ workflowBundle: { codePath }, replayName: name }, history);
  });

  it('are short, and have search attributes', async () => {
    const stack = useStack();
    const client = createOnDemandClient(stack.urls.api, 'dreambuilder');
    const exportId = await client.order({
      ...ALWAYS,
      exportType: 'NETWORKS',
      format: 'CSV',
      csv: { nullText: 'none' },
    });
    await client.ended(exportId);
    const { workflowId } = await client.manifest(exportId);
    const temporal = await openTemporal(stack.settings);
    const handle = temporal.client.workflow.getHandle(workflowId, exportId);
    await handle.result();
    const { historyLength, searchAttributes } = await handle.describe();
    expect(historyLength).toBeLessThanOrEqual(EVENTS_MAX);
    expect(searchAttributes).toMatchObject({
      WaybillTenant: ['dreambuilder'],
      WaybillDataset: ['NETWORKS'],
      WaybillFormat: ['csv'],
      WaybillState: ['completed'],
    });
  });

  it('are short for a run of all periodic files too', async ({ annotate }) => {
    const stack = useStack();
    const client = createPeriodicClient(stack.urls.api, 'acme-demo-secret');
    await client.disable(true);
    const temporal = await openTemporal(stack.settings);
    try {
      const { generationId, files } = await enableAndWait(client);
      expect(files).toHaveLength(36);
      const { workflowId } = (await (await client.request('GET', '/dataexport/manifest')).json()) as {
        workflowId: string;
      };
      const handle = temporal.client.workflow.getHandle(workflowId, generationId);
      await handle.result();
      const { historyLength } = await handle.describe();
      const payload = largestPayload(await handle.fetchHistory());
      await annotate(`${historyLength} events for ${files.length} files, payloads of at most ${payload} bytes`);
      expect(historyLength).toBeLessThanOrEqual(PERIODIC_EVENTS_MAX);
      expect(payload).toBeLessThanOrEqual(PAYLOAD_BYTES_MAX);
    } finally {
      await client.disable(true);
    }
  });
});
