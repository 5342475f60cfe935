import { Notices, type BrokerHost, type SubscriptionSink } from '../../../contract/index.js';
import { ManualClock } from '../../../testing/manual-clock.js';
import type { Answers } from '../answers.js';
import type { Link } from '../client/link.js';
import { CoreIntake } from './core-intake.js';

type Callback = (error: Error | null, message: unknown) => void;

/** A server whose permissions and answers the test decides. */
function setUp() {
  const clock = new ManualClock();
  const notices = new Notices();
  const heard: string[] = [];
  for (const name of ['subscription:crashed', 'subscription:recovered'] as const)
    notices.on(name, () => heard.push(name));
  const open = new Set<{ callback: Callback }>();
  const server = { answers: true };
  const connection = {
    subscribe: (_topic: string, { callback }: { callback: Callback }) => {
      const subscription = {
        callback,
        isClosed: () => !open.has(subscription),
        unsubscribe: () => open.delete(subscription),
        drain: () => Promise.resolve(open.delete(subscription)),
      };
      open.add(subscription);
      return subscription;
    },
    flush: () => (server.answers ? Promise.resolve() : Promise.reject(new Error('the connection broke'))),
  };
  const link = { isUp: true, connection, listen: () => () => undefined, errorFor: (error: Error) => error };
  const subscription = { topic: 'orders', group: 'stock', delivery: 'group', maxInFlight: 8 };
  const sink = { receive: () => undefined, revoked: () => undefined };
  const host = { service: 'test', broker: 'default', notices, clock } as BrokerHost;
  const given = { subscription, sink } as unknown as SubscriptionSink;
  const intake = new CoreIntake(host, link as unknown as Link, {} as Answers, given, 100);
  /** The server withdraws the permission, and closes the subscription. */
  const deny = (): void => {
    const [subscribed] = open;
    open.clear();
    subscribed?.callback(new Error('permissions violation'), undefined);
  };
  return { clock, heard, open, server, intake, deny };
}

const turns = async (): Promise<void> => {
  for (let count = 0; count < 5; count++) await new Promise((resolve) => setImmediate(resolve));
};

it('a denied subscription stays down until the server answers that it is accepted', async () => {
  const { clock, heard, server, intake, deny } = setUp();
  await intake.start();
  deny();
  server.answers = false;
  clock.advance(3_000);
  await turns();
  expect([intake.isDown, heard]).toEqual([true, ['subscription:crashed']]);
  server.answers = true;
  clock.advance(3_000);
  await turns();
  expect([intake.isDown, heard]).toEqual([false, ['subscription:crashed', 'subscription:recovered']]);
});

it('has one subscription on the server, however often it was retried', async () => {
  const { clock, open, server, intake, deny } = setUp();
  await intake.start();
  deny();
  server.answers = false;
  clock.advance(3_000);
  await turns();
  server.answers = true;
  clock.advance(3_000);
  await turns();
  expect(open.size).toBe(1);
  await intake.close();
  expect([open.size, clock.pending]).toEqual([0, 0]);
});
