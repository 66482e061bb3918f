import { createArchive } from './archive.ts';
import { createBegin, createEnqueue } from './begin.ts';
import { createDescribeArchive } from './describe-archive.ts';
import { createEnd, createRemove } from './end.ts';
import { createFinalize } from './finalize.ts';
import { createListQuestionnaires } from './list-questionnaires.ts';
import { createNotify } from './notices/request-mails.ts';
import { createPlan } from './plan.ts';
import type { Ports } from './ports.ts';
import { createPreview } from './preview.ts';
import { createPublish } from './publish.ts';
import { createEndPush, createPush } from './push.ts';
import { createReconcile } from './reconcile.ts';
import { createSendWebhooks } from './send-webhooks.ts';
import { createWrite } from './write.ts';

/** The activities of all workflows. Workflows see only the type of the result. */
export function createActivities(ports: Ports) {
  const end = createEnd(ports);
  return {
    enqueue: createEnqueue(ports),
    begin: createBegin(ports),
    describeArchive: createDescribeArchive(ports),
    plan: createPlan(ports),
    write: createWrite(ports),
    archive: createArchive(ports),
    publish: createPublish({ ...ports, end }),
    preview: createPreview(ports),
    listQuestionnaires: createListQuestionnaires(ports),
    end,
    remove: createRemove(ports),
    finalize: createFinalize(ports),
    notify: createNotify(ports),
    push: createPush(ports),
    endPush: createEndPush(ports),
    sendWebhooks: createSendWebhooks(ports),
    reconcile: createReconcile(ports),
  };
}

export type Activities = ReturnType<typeof createActivities>;
