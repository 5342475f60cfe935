import { EventEmitter } from 'node:events';
import { Notices } from '../../../contract/index.js';
import { ManualClock } from '../../../testing/manual-clock.js';
import { DroppedMessages } from './dropped-messages.js';
import type { IntakeParts } from './intake.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A group without permission to read its queue of dropped messages. */
function withoutRightToRead() {
  const clock = new ManualClock();
  let opened = (): void => undefined;
  let tries = 0;
  const createChannel = () => {
    tries++;
    const channel = Object.assign(new EventEmitter(), {
      prefetch: () => Promise.resolve(),
      close: () => Promise.resolve(),
      consume: () => {
        channel.emit('error', new Error('ACCESS_REFUSED'));
        channel.emit('close');
        return Promise.reject(new Error('Channel closed by server'));
      },
    });
    return Promise.resolve(channel);
  };
  const model = { createChannel };
  const watch = (watcher: { opened: () => void }) => {
    opened = watcher.opened;
    return () => undefined;
  };
  const parts = {
    host: { service: 's', broker: 'main', notices: new Notices(), clock },
    link: { model, open: () => Promise.resolve(model), watch },
    topology: { ensureDropped: () => Promise.resolve('g:delivery-limit') },
  } as unknown as IntakeParts;
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1_000);
      await turn();
    }
  };
  const dropped = new DroppedMessages(parts, 'g', 't');
  return { dropped, clock, pass, opened: () => opened(), tries: () => tries };
}

test('a queue of dropped messages without read permission is retried once a second, however often the connection comes back', async () => {
  const { dropped, clock, pass, opened, tries } = withoutRightToRead();
  for (let connection = 0; connection < 5; connection++) {
    opened();
    await pass(10);
  }
  const before = tries();
  await pass(10);
  expect(tries() - before).toBe(10);
  expect(clock.pending).toBe(1);
  await dropped.close();
  expect(clock.pending).toBe(0);
});
