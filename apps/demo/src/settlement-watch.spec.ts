import { Notices } from 'nest-transport';
import { concurrently } from './concurrently.js';
import { SettlementWatch } from './settlement-watch.js';

const NEVER = new AbortController().signal;
const message = (topic: string, id: string, key?: string) => ({
  broker: 'default',
  topic,
  group: 'g',
  id,
  key,
  attempt: 1,
});

describe('the watch', () => {
  const open = () => {
    const [orders, inventory] = [new Notices(), new Notices()];
    const progress: number[] = [];
    return {
      orders,
      inventory,
      progress,
      watch: new SettlementWatch(orders, inventory, (count) => progress.push(count)),
    };
  };
  const giveUp = (inventory: Notices, id: string): void =>
    inventory.emit('message:dead-lettered', { ...message('order.created', id), deadLetterTopic: 'dlq', error: 'e' });

  test('waits for the outcome of every order and for the dead letters, and counts each once', async () => {
    const { orders, inventory, progress, watch } = open();
    let isReached: boolean | undefined;
    const waiting = watch
      .reached({ orderIds: ['a', 'b'], deadLetters: 1 }, 60_000, NEVER)
      .then((it) => (isReached = it));
    orders.emit('message:acked', message('stock.reserved', '1', 'a'));
    orders.emit('message:acked', message('stock.reserved', '1', 'a'));
    orders.emit('message:acked', message('something.else', '2', 'b'));
    giveUp(inventory, '3');
    giveUp(inventory, '3');
    await Promise.resolve();
    expect(isReached).toBeUndefined();
    orders.emit('message:acked', message('stock.rejected', '4', 'b'));
    await waiting;
    expect([isReached, progress, watch.deadLetterTopics]).toEqual([true, [1, 2], new Map([['dlq', 1]])]);
  });

  test('is done at once when all was settled before it was asked', async () => {
    const { watch } = open();
    expect(await watch.reached({ orderIds: [], deadLetters: 0 }, 60_000, NEVER)).toBe(true);
  });

  test('gives up when nothing happens any more, and when it is told to', async () => {
    const { watch } = open();
    expect(await watch.reached({ orderIds: ['a'], deadLetters: 0 }, 1, NEVER)).toBe(false);
    expect(await watch.reached({ orderIds: ['a'], deadLetters: 0 }, 60_000, AbortSignal.abort())).toBe(false);
  });

  test('counts a message once that is tried again more than once', () => {
    const { inventory, watch } = open();
    for (const id of ['1', '1', '2']) {
      inventory.emit('message:retry-scheduled', { ...message('order.created', id), delayMs: 1, error: 'e' });
    }
    expect(watch.retried).toBe(2);
  });

  test('hears nothing more after close', () => {
    const { inventory, watch } = open();
    watch.close();
    giveUp(inventory, '1');
    expect(inventory.heard('message:dead-lettered')).toBe(false);
    expect(watch.deadLetterTopics.size).toBe(0);
  });
});

describe('concurrently', () => {
  test('keeps to the limit and to the order of the items', async () => {
    let [running, most] = [0, 0];
    const doubled = await concurrently(3, [1, 2, 3, 4, 5, 6, 7], async (item) => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running -= 1;
      return item * 2;
    });
    expect([doubled, most]).toEqual([[2, 4, 6, 8, 10, 12, 14], 3]);
  });

  test('ends with the first error', async () => {
    const work = concurrently(2, [1, 2, 3], async (item) => {
      if (item === 2) throw new Error('two');
    });
    await expect(work).rejects.toThrow('two');
  });
});
