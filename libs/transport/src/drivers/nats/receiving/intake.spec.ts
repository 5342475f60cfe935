import { Notices, type SubscriptionSink } from '../../../contract/index.js';
import { ManualClock } from '../../../testing/manual-clock.js';
import type { ConsumerPlace } from './consumers.js';
import { SubscriptionIntake, type IntakeTools } from './intake.js';
import type { Source } from './source.js';

const placeIn = (stream: string): ConsumerPlace => ({
  ...{ stream, name: 'inventory', streamCreated: '', ackWaitMs: 30_000, maxUnsettled: 1_000, maxBatch: undefined },
  ...{ maxExpiresMs: undefined, pinGroup: undefined, maxDeliveries: undefined, isNew: true, settledUpTo: 0 },
  ...{ delivered: { upTo: 0, count: 0 }, activePin: undefined, attempts: new Map<number, number>() },
});

/** A server with two streams, on which consumers are found when the test says so. */
function twoStreams() {
  const clock = new ManualClock();
  const asked: { readonly stream: string; readonly found: () => void }[] = [];
  const inbox = { isClosed: () => false, drain: () => Promise.resolve() };
  const link = {
    ...{ isUp: true, heardSinceMs: 0, apiPrefix: '$JS.API', listen: () => () => undefined, newInbox: () => 'inbox' },
    ...{ probe: () => undefined, tell: () => undefined, publish: () => undefined },
    connection: { subscribe: () => inbox },
  };
  const tools = {
    host: { service: 'test', broker: 'default', notices: new Notices(), clock },
    link,
    streams: { holding: () => Promise.resolve(['orders', 'returns']) },
    consumers: {
      place: (_: unknown, stream: string) =>
        new Promise((resolve) => asked.push({ stream, found: () => resolve(placeIn(stream)) })),
      standing: () => Promise.resolve(undefined),
    },
  };
  const subscription = {
    ...{ topic: 'shop.*', group: 'inventory', delivery: 'once-per-group', startFrom: 'beginning' },
    ...{ ordering: 'none', concurrency: 1, maxInFlight: 8 },
  };
  const sink = { receive: () => undefined, revoked: () => undefined };
  const given = { subscription, sink } as unknown as SubscriptionSink;
  return { clock, asked, intake: new SubscriptionIntake(tools as unknown as IntakeTools, given) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('a consumer that is doubted while others are still looked for leaves nothing open when its subscription closes', async () => {
  const { clock, asked, intake } = twoStreams();
  const found = async (wanted: string): Promise<void> => {
    await turn();
    for (const { stream, found } of asked) if (stream === wanted) found();
  };
  const started = intake.start();
  await found('orders');
  await turn();
  intake.doubted({ place: placeIn('orders') } as Source);
  await found('orders');
  await found('returns');
  await started;
  await found('orders');
  await intake.close();
  expect(asked.map(({ stream }) => stream)).toEqual(['orders', 'returns', 'orders']);
  expect(clock.pending).toBe(0);
});
