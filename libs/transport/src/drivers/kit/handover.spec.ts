import type { Delivery, DeliverySink } from '../../contract/index.js';
import { Handover } from './handover.js';

const delivery = (id: string, state = 'queued'): Delivery => ({ id, state }) as unknown as Delivery;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A sink that asks to wait after each call until the test lets it go on. */
function setUp(waits = false) {
  const calls: string[][] = [];
  const rooms: (() => void)[] = [];
  let roomCount = 0;
  const sink: DeliverySink = {
    receive: (deliveries) => {
      calls.push(deliveries.map(({ id }) => id));
      return waits ? new Promise<void>((resolve) => rooms.push(resolve)) : undefined;
    },
    revoked: () => undefined,
  };
  const handover = new Handover<Delivery>(sink, 2, () => roomCount++);
  return { calls, rooms, handover, roomCount: () => roomCount };
}

it('passes on in one call what one turn of the event loop brought, in order, and reports room afterwards', async () => {
  const { calls, handover, roomCount } = setUp();
  for (const id of ['a', 'b', 'c']) handover.push(delivery(id));
  await turn();
  expect(calls).toEqual([['a', 'b'], ['c']]);
  expect(roomCount()).toBe(1);
});

it('passes nothing on while the sink asks to wait, and leaves out what was revoked meanwhile', async () => {
  const { calls, rooms, handover } = setUp(true);
  handover.push(delivery('a'));
  await turn();
  const revoked = delivery('b');
  handover.push(revoked);
  handover.push(delivery('c'));
  (revoked as { state: string }).state = 'revoked';
  await turn();
  expect(calls).toEqual([['a']]);
  rooms[0]?.();
  await turn();
  expect(calls).toEqual([['a'], ['c']]);
});

it('passes nothing on before what has to be known first is known', async () => {
  const { calls, handover } = setUp();
  let know = (): void => undefined;
  handover.waitFor(new Promise<void>((resolve) => (know = resolve)));
  handover.push(delivery('a'));
  await turn();
  expect([calls, handover.isHeldUp]).toEqual([[], true]);
  know();
  await turn();
  expect(calls).toEqual([['a']]);
});

it('returns at its end what the sink has not seen, and passes nothing on afterwards', async () => {
  const { calls, handover, roomCount } = setUp(true);
  handover.push(delivery('a'));
  await turn();
  handover.push(delivery('b'));
  expect(handover.end().map(({ id }) => id)).toEqual(['b']);
  handover.push(delivery('c'));
  await turn();
  expect(calls).toEqual([['a']]);
  expect(roomCount()).toBe(0);
});

it('is not idle after its end, though the sink has everything: nothing more should be fetched', async () => {
  const { handover } = setUp();
  handover.push(delivery('a'));
  await turn();
  expect(handover.isIdle).toBe(true);
  handover.end();
  expect(handover.isIdle).toBe(false);
});
