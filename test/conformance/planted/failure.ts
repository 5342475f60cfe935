import type { Broker, Delivery } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { wrapBroker } from 'nest-transport/testing';
import { ACK, altered, alteringBroker, sinkBroker, watchingSettlements } from './altered.js';
import type { Planted } from './planted.js';
import { requeueing } from './requeueing.js';

export const FAILURE: readonly Planted[] = [
  {
    testCase: 'a-refused-settlement-is-reported',
    fault: 'reports a failed settlement twice',
    createBroker: () =>
      wrapBroker(memory(), ({ notices }) => {
        const stop = notices.on('settlement:failed', (notice) => {
          stop();
          notices.emit('settlement:failed', notice);
        });
        return {};
      }),
    saying: /one settlement failed, and is reported once/,
  },
  {
    testCase: 'a-refused-settlement-is-reported',
    fault: 'forgets a message whose settlement failed',
    createBroker: () =>
      wrapBroker(memory(), ({ notices }) => {
        const forget = new Map<string, () => unknown>();
        notices.on('settlement:failed', ({ id }) => void setImmediate(() => forget.get(id)?.()));
        return {
          receive: (deliveries, go) => {
            for (const delivery of deliveries) forget.set(delivery.id, delivery.settle.bind(delivery, ACK));
            return go(deliveries);
          },
        };
      }),
    saying: /the message is delivered again: not within/,
  },
  {
    testCase: 'redelivers-after-failure',
    fault: 'never delivers a failed message again (kratos-transport, Kafka)',
    createBroker: () => requeueing(() => undefined),
    saying: /30 messages are settled: not within/,
  },
  {
    testCase: 'attempts-are-counted-and-delayed',
    fault: 'delivers a failed message again at once (watermill, AMQP)',
    createBroker: () => requeueing(() => 0),
    saying: /attempt 2 came after .* ms, not 120/,
  },
  {
    testCase: 'attempts-are-counted-and-delayed',
    fault: 'ignores the delay of a nack',
    createBroker: () => nackingAfter(() => 0),
    options: { deadlineMs: 4_000 },
    saying: /without order, attempt 2 came after .* ms, not 1000/,
  },
  {
    testCase: 'attempts-are-counted-and-delayed',
    fault: 'waits 20 times as long as a nack says',
    createBroker: () => nackingAfter((delayMs) => delayMs * 20),
    options: { deadlineMs: 4_000 },
    saying: /1 messages are settled: not within/,
  },
  {
    testCase: 'attempts-survive-the-process',
    fault: 'counts attempts in the process',
    createBroker: () =>
      alteringBroker(memory(), (delivery) => {
        const counted = {
          attempt: 1,
          park: (nextAttempt: number): void => {
            counted.attempt = nextAttempt;
            delivery.state = 'parked';
          },
        };
        return counted;
      }),
    saying: /2 attempts failed before, so this one is number 3/,
  },
  {
    testCase: 'tiers-wait-on-the-broker',
    fault: 'takes a delay for a hint, and gives a message out again at once',
    createBroker: () => nackingAfter(() => 0),
    saying: /attempt 3 came after .* ms, not 300/,
  },
  {
    testCase: 'tiers-wait-on-the-broker',
    fault: 'has no timer, and loses the headers that say when a message of a retry topic is due',
    createBroker: forgetsWhenItIsDue,
    saying: /attempt 3 came after .* ms, not 300/,
  },
  {
    testCase: 'other-keys-go-on',
    fault: 'delivers nothing of a partition while one of its messages waits (watermill-kafka)',
    createBroker: oneAtATime,
    saying: /54 messages are settled: not within/,
  },
  {
    testCase: 'late-handlers-are-waited-for',
    fault: 'gives handlers a signal that nobody ever aborts',
    createBroker: () => alteringBroker(memory(), () => ({ signal: new AbortController().signal })),
    saying: /the handler is told by its signal: not within/,
  },
  {
    testCase: 'failure-is-not-passed-by-later-success',
    fault: 'commits past a failed message with the next success (kratos-transport, go-queue, Dapr)',
    createBroker: highWaterMark,
    saying: /messages confirmed, but neither handled nor dead-lettered/,
  },
  {
    testCase: 'in-flight-is-bounded',
    fault: 'goes on handing over when it is told to wait (go-queue, watermill’s router)',
    createBroker: () => wrapBroker(memory(), () => ({ receive: (deliveries, go) => void go(deliveries) })),
    saying: /were handed over while told to wait/,
  },
  {
    testCase: 'settling-late-or-twice-does-nothing',
    fault: 'carries out every settlement, also the second',
    createBroker: () =>
      alteringBroker(memory(), (delivery) => ({
        settle: (settlement) => {
          delivery.state = 'running';
          return delivery.settle(settlement);
        },
      })),
    saying: /the second settlement is noticed/,
  },
  {
    testCase: 'a-handler-can-answer',
    fault: 'brings answers to a requester that has left',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        request: async (message, onReply, go) => {
          await go(message, onReply);
          return () => undefined;
        },
      })),
    saying: /a requester that has left gets no answer/,
  },
  {
    testCase: 'a-handler-can-answer',
    fault: 'brings every answer to everybody who asked',
    createBroker: () => {
      const askers: ((reply: never) => void)[] = [];
      return wrapBroker(memory(), () => ({
        request: (message, onReply, go) => {
          askers.push(onReply);
          return go(message, (reply) => askers.forEach((asker) => asker(reply as never)));
        },
      }));
    },
    saying: /one a/,
  },
];

/** A driver that waits another time than a nack asks for. */
function nackingAfter(delayOf: (delayMs: number) => number): Broker {
  return alteringBroker(memory(), (delivery) => ({
    settle: (settlement) =>
      delivery.settle(settlement.kind === 'nack' ? { kind: 'nack', delayMs: delayOf(settlement.delayMs) } : settlement),
  }));
}

/** What waits between tiers is stored in retry topics here, as on Kafka. */
function forgetsWhenItIsDue(): Broker {
  const broker = alteringBroker(memory(), (delivery) => ({
    header: (name) => (name.startsWith('redeliver-') ? undefined : delivery.header(name)),
  }));
  return {
    driver: 'timerless',
    capabilities: { ...broker.capabilities, redelivery: 'emulated', delayedRedelivery: 'emulated' },
    checkSubscription: (subscription) => broker.checkSubscription(subscription),
    open: (host) => broker.open(host),
  };
}

/** Hands over one message of a partition after the other, as a loop that awaits its handler does. */
function oneAtATime(): Broker {
  return sinkBroker(memory(), (sink) => ({
    receive: async (deliveries) => {
      for (const delivery of deliveries) await handedOver(delivery, (one) => void sink.receive([one]));
    },
    revoked: () => sink.revoked(),
  }));
}

function handedOver(delivery: Delivery, handOver: (delivery: Delivery) => void): Promise<void> {
  return new Promise((settled) => {
    handOver(
      altered(delivery, {
        settle: (settlement) => {
          setImmediate(settled);
          return delivery.settle(settlement);
        },
      }),
    );
  });
}

/** Every ack counts for all that was delivered before it in the partition. */
function highWaterMark(): Broker {
  const delivered: Delivery[] = [];
  const noting = wrapBroker(memory(), () => ({
    receive: (deliveries, go) => (delivered.push(...deliveries), go(deliveries)),
  }));
  return watchingSettlements(noting, ({ partition, offset }) => {
    for (const earlier of delivered) {
      if (earlier.partition === partition && Number(earlier.offset) < Number(offset)) earlier.settle(ACK);
    }
  });
}
