import { describe, expect, it } from 'vitest';
import { exportPrefix } from '../contracts/keys.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { useStack } from './context.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { openTemporal } from './temporal.ts';

const MS_A_DAY = 86_400_000;

describe('expiry', () => {
  it('waits in Temporal for as long as the order says, then removes the files for good', async () => {
    const stack = useStack();
    const door = createDoorClient(stack.urls.api, 'dreambuilder');
    const temporal = await openTemporal(stack.settings);
    try {
      const exportId = await door.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV', keepDays: 3 });
      expect(await door.ended(exportId)).toMatchObject({ state: 'completed' });
      const { expiresAt: expires, createdAt } = await door.manifest(exportId);
      const expiresAt = expires ?? '';
      expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(3 * MS_A_DAY);

      const waiting = temporal.client.workflow.getHandle(`expire-export|${exportId}`);
      await expect
        .poll(() =>
          waiting.describe().then(
            ({ status }) => status.name,
            () => 'missing',
          ),
        )
        .toBe('RUNNING');
      const { executionTime, historyLength, typedSearchAttributes } = await waiting.describe();
      expect(typedSearchAttributes.getAll()).toMatchObject([{ key: { name: 'WaybillTenant' }, value: 'dreambuilder' }]);
      expect(Math.abs((executionTime?.getTime() ?? 0) - Date.parse(expiresAt))).toBeLessThan(60_000);
      expect(historyLength).toBe(1);

      // What the delayed run will do, done now.
      await temporal.client.workflow.execute('expireExport', {
        workflowId: `expire-now|${exportId}`,
        taskQueue: 'waybill',
        args: [{ exportId, tenant: 'dreambuilder' }],
      });
      expect(await keysBelow(openBucket(), exportPrefix('dreambuilder', exportId))).toEqual([]);
      expect((await door.show(exportId)).state).toBe('expired');
      expect((await door.request('GET', `/exports/${exportId}/file`)).status).toBe(410);
      const again = await door.request('POST', `/exports/${exportId}/resubmit`);
      expect(again.status).toBe(202);
    } finally {
      await temporal.close();
    }
  });
});
