import { setTimeout as pause } from 'node:timers/promises';
import type { Broker, BrokerConnection, Delivery } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { wrapBroker } from 'nest-transport/testing';
import { ACK, alteringBroker } from './altered.js';
import { restartable, unreachable } from './outages.js';
import type { Planted } from './planted.js';
import { groupPerConnection } from './sharing.js';

const restartsDeaf = restartable({ returns: false });

export const LIFECYCLE: readonly Planted[] = [
  {
    testCase: 'messages-left-behind-are-counted',
    fault: 'says that nothing waits while messages do',
    createBroker: () => wrapBroker(memory(), () => ({ waiting: () => Promise.resolve([0]) })),
    saying: /5 messages wait on the broker, and the consumption says 0/,
  },
  {
    testCase: 'messages-left-behind-are-counted',
    fault: 'counts what is delivered as waiting',
    createBroker: () => wrapBroker(memory(), () => ({ waiting: () => Promise.resolve([5]) })),
    saying: /0 messages wait on the broker, and the consumption says 5/,
  },
  {
    testCase: 'nothing-is-left-open',
    fault: 'leaves the timer of a nacked message behind',
    createBroker: () =>
      alteringBroker(memory(), (delivery) => ({
        settle: (settlement) => {
          // Far from the next driver that leaves timers, and ended soon: what ends during a count hides what is left.
          if (settlement.kind === 'nack') setTimeout(() => undefined, 2_200);
          return delivery.settle(settlement);
        },
      })),
    saying: /Still open after everything was closed: \d Timeout/,
  },
  {
    testCase: 'broker-unreachable-at-start',
    fault: 'goes on waiting for the broker when it is told to stop',
    createBroker: () => memory(),
    options: { unreachableBroker: () => unreachable({ obeys: false }) },
    saying: /the wait ends: not within/,
  },
  {
    testCase: 'closing-ends-a-start',
    fault: 'goes on with a start whose application is closed',
    createBroker: () =>
      wrapBroker(memory(), () => ({ ensureTopics: (_, go) => pause(2).then(go), leave: () => Promise.resolve() })),
    saying: /28 messages are settled: not within/,
  },
  {
    testCase: 'closing-ends-a-start',
    fault: 'waits for its connection before it closes, and for nothing that would come',
    createBroker: () =>
      wrapBroker(memory(), () => {
        let isConnected = false;
        const connected = (): void => void (isConnected = true);
        return {
          connect: (go) => pause(5).then(go).then(connected),
          close: (go) => (isConnected ? go() : new Promise(() => undefined)),
        };
      }),
    saying: /an application closes 0 ms after its start: not within/,
  },
  {
    testCase: 'broker-restart-loses-nothing',
    fault: 'is deaf after a restart of the broker (kratos-transport, Kafka; squeaky, NSQ)',
    createBroker: restartsDeaf.createBroker,
    options: { restartable: restartsDeaf },
    saying: /confirmed, but neither handled nor dead-lettered|handlers have begun: not within/,
  },
  {
    testCase: 'drain-finishes-what-runs',
    fault: 'gives running messages back when it stops (watermill)',
    createBroker: givingBackAtOnce,
    saying: /the running handlers are settled, got 0/,
  },
  {
    testCase: 'drain-ends-at-its-deadline',
    fault: 'waits at its end for handlers without end',
    createBroker: () =>
      wrapBroker(memory(), () => {
        let unsettled: readonly Delivery[] = [];
        return {
          receive: (deliveries, go) => ((unsettled = [...unsettled, ...deliveries]), go(deliveries)),
          leave: (go) => (unsettled.every(({ state }) => state === 'settled') ? go() : new Promise(() => undefined)),
        };
      }),
    saying: /a drain of 50 ms ends: not within/,
  },
  {
    testCase: 'what-policies-keep-back-is-unsettled',
    fault: 'settles a message that is put back to wait',
    createBroker: () => alteringBroker(memory(), (delivery) => ({ park: () => void delivery.settle(ACK) })),
    saying: /4 messages are settled: not within/,
  },
  {
    testCase: 'a-pause-holds-and-loses-nothing',
    fault: 'takes "enough for now" for done',
    createBroker: takingEnoughForDone,
    saying: /10 messages are settled: not within/,
  },
  {
    testCase: 'a-breaker-waits-for-what-all-need',
    fault: 'counts attempts that nobody has made',
    createBroker: () => alteringBroker(memory(), (delivery) => ({ attempt: delivery.attempt + 200 })),
    saying: /no pause is told/,
  },
  {
    testCase: 'a-batch-fails-message-by-message',
    fault: 'counts an attempt for messages that nobody has tried',
    createBroker: () => alteringBroker(memory(), (delivery) => ({ attempt: delivery.attempt + 1 })),
    saying: /Expected values to be strictly deep-equal/,
  },
  {
    testCase: 'asking-makes-nothing',
    fault: 'makes the group that it is asked about',
    createBroker: () => {
      const broker = memory();
      return wrapBroker(broker, (host) => ({
        describe: async (questions, go) => {
          for (const { topic, group } of questions) {
            if (group !== undefined) await joinAndLeave(broker.open(host), topic, group);
          }
          return go();
        },
      }));
    },
    saying: /the group begins when it is subscribed to, not when it is asked about/,
  },
  {
    testCase: 'closing-and-reopening-loses-nothing',
    fault: 'does not find its place again (a random group on every start: kratos-transport)',
    createBroker: groupPerConnection,
    saying: /!==|confirmed, but neither handled nor dead-lettered/,
  },
  {
    testCase: 'many-close-at-once',
    fault: 'fails when it is closed twice',
    createBroker: () =>
      wrapBroker(memory(), () => {
        let closed = false;
        return {
          close: (go) => {
            if (closed) return Promise.reject(new Error('already closed'));
            closed = true;
            return go();
          },
        };
      }),
    saying: /already closed/,
  },
  {
    testCase: 'health-tells-the-truth',
    fault: 'always says that it is well (kratos-transport, keepalive)',
    createBroker: () => wrapBroker(memory(), () => ({ health: () => ({ status: 'up', problems: [] }) })),
    saying: /a connection that is closed says that it is down/,
  },
  {
    testCase: 'nothing-is-left-open',
    fault: 'forgets a timer',
    createBroker: () =>
      wrapBroker(memory(), () => {
        // Ends by itself a little after the suite has lost patience, so that the test run can end too.
        setTimeout(() => undefined, 2_500);
        return {};
      }),
    saying: /Still open after everything was closed: \d Timeout/,
  },
];

function givingBackAtOnce(): Broker {
  return wrapBroker(memory(), () => {
    const handedOver: Delivery[] = [];
    return {
      receive: (deliveries, go) => (handedOver.push(...deliveries), go(deliveries)),
      stop: (go) => (handedOver.forEach((delivery) => delivery.revoke()), go()),
    };
  });
}

function takingEnoughForDone(): Broker {
  return wrapBroker(memory(), () => ({
    receive: (deliveries, go) => {
      const enough = go(deliveries);
      if (enough !== undefined) for (const delivery of deliveries) delivery.settle(ACK);
      return enough;
    },
  }));
}

/** A member of the group, for a moment. */
async function joinAndLeave(connection: BrokerConnection, topic: string, group: string): Promise<void> {
  const subscription = {
    topic,
    group,
    delivery: 'group',
    startFrom: 'new',
    ordering: 'none',
    concurrency: 1,
    maxInFlight: 1,
  } as const;
  const consumption = await connection.consume([
    { subscription, sink: { receive: () => undefined, revoked: () => undefined } },
  ]);
  await consumption.close();
  await connection.close();
}
