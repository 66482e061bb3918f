import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Precedence } from '../activities/precedence.ts';
import { PRIORITIES } from '../contracts/task-queues.ts';

/**
 * Steps of other runs begin when the precedence releases them: Temporal hands out an order's steps first, but they would share the
 * processor with a hundred others. Steps that run are not stopped.
 */
export function createGiveWay(precedence: Precedence): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      async execute(input, next) {
        if (info.priority?.priorityKey !== PRIORITIES.interactive) {
          if (precedence.holds) await precedence.released();
          return next(input);
        }
        const end = precedence.begin();
        try {
          return await next(input);
        } finally {
          end();
        }
      },
    },
  });
}
