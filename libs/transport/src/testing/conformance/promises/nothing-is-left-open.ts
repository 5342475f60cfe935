import assert from 'node:assert/strict';
import { RetryAfter } from '../../../consuming/index.js';
import type { ConformancePromise } from '../promise.js';
import { assertNothingMoreOpen, openResources } from '../resources.js';

const ROUNDS = 3;
const PATIENCE_MS = 2_000;

export const nothingIsLeftOpen: ConformancePromise = {
  name: 'nothing-is-left-open',
  title: 'leaves no timer, socket, connection or temporary topic behind, also where messages wait for a retry',
  async run(stage) {
    const { leftovers = async () => [] } = stage.options;
    const before = openResources();
    for (let round = 0; round < ROUNDS; round++) {
      const application = await stage.open({
        subscriptions: [
          {
            retry: stage.ownRetries,
            handle: () => {
              throw new RetryAfter(3_600_000);
            },
          },
        ],
      });
      await application.publish(stage.topic, { round });
      await stage.until('a message waits for its retry', () => application.noticesOf('message:retried').length > 0);
      await application.close();
    }
    await assertNothingMoreOpen(before, PATIENCE_MS);
    assert.deepEqual(await leftovers(), [], 'the server holds nothing open for applications that are closed');
  },
};
