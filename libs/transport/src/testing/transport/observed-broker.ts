import {
  ACK,
  TransportError,
  type Broker,
  type BrokerFacts,
  type Consumption,
  type Delivery,
  type OutgoingMessage,
  type SendResult,
  type Settlement,
  type Subscription,
  type TopicQuery,
} from '../../contract/index.js';
import { randomFaults } from '../faults/random-faults.js';
import type { RandomFaultsOptions } from '../faults/random-faults-options.js';
import { wrapBroker, type Interception } from '../faults/wrap-broker.js';
import type { Event, MessageRecord } from './message-record.js';
import type { TestWorld } from './test-world.js';

/**
 * ```
 * application -> witness -> faults -> ledger -> broker
 * ```
 * The ledger knows what the broker owes to whom, faults or not; the witness sees what the application sees.
 */
export function observedBroker(
  broker: Broker,
  name: string,
  world: TestWorld,
  faults: RandomFaultsOptions | undefined,
): Broker {
  const ledger = wrapBroker(broker, () => ledgerOf(name, world));
  if (faults === undefined) return wrapBroker(ledger, () => witnessOf(name, world));
  const unreliable = randomFaults(ledger, faults);
  unreliable.onFault(({ kind, topic, group, id }) => {
    const record = world.recordsOf(id).find(({ message }) => message.topic === topic);
    record?.happened(world.atMs, group ?? '', { what: 'fault', kind });
  });
  return wrapBroker(unreliable, () => witnessOf(name, world));
}

/**
 * The same broker under another's name: what that one cannot do, or would refuse, is refused here too, and defaults that
 * follow it are the same. How its server is set cannot be known here and counts as safe, so that a guarantee that is asked
 * for hangs on the application alone.
 */
export function playing(original: Broker, player: Broker): Broker {
  const isForgetful = original.capabilities.durability === 'unsupported';
  const played = isForgetful ? player : wrapBroker(player, () => ({ describe: safe }));
  return {
    driver: original.driver,
    capabilities: original.capabilities,
    unsupportedBecause: original.unsupportedBecause,
    checkSubscription: (subscription) => {
      original.checkSubscription(subscription);
      player.checkSubscription(subscription);
    },
    open: (host) => played.open(host),
  };
}

const safe = (questions: readonly TopicQuery[]): Promise<BrokerFacts> =>
  Promise.resolve({
    confirmedBy: 'all',
    idempotent: true,
    topics: questions.map(() => ({ storage: 'disk', copies: 3, confirmedCopies: 2 })),
  });

function ledgerOf(name: string, world: TestWorld): Interception {
  const owe = (messages: readonly OutgoingMessage[]): void =>
    messages.forEach((message) => world.readers.owe(recordOf(world, name, message)));
  return {
    // Recorded before it is stored, because it may be delivered before the confirmation arrives.
    send: async (messages, go) => {
      owe(messages);
      const results = await go(messages);
      messages.forEach((message, index) => {
        if (isNotStored(results[index])) recordOf(world, name, message).forgetReaders();
      });
      return results;
    },
    request: (message, onReply, go) => {
      owe([message]);
      return go(message, onReply);
    },
    consume: async (subscriptions, go) => {
      const stored = world.records.filter(({ state }) => state !== 'publishing');
      const leaves = subscriptions.map(({ subscription }) => world.readers.join(name, subscription, stored));
      return leaving(await go(subscriptions), () => leaves.splice(0).forEach((leave) => leave()));
    },
    receive: (deliveries, go, subscription) => {
      for (const delivery of deliveries) payWhenSettled(delivery, subscription, world);
      return go(deliveries);
    },
  };
}

function payWhenSettled(delivery: Delivery, { group, topic }: Subscription, world: TestWorld): void {
  const record = world.recordOf(delivery);
  const settle = delivery.settle.bind(delivery);
  delivery.settle = (settlement) => {
    const isSettled = settle(settlement);
    if (isSettled && settlement.kind !== 'nack') record?.paid({ group, subscribed: topic });
    world.touch();
    return isSettled;
  };
}

function witnessOf(name: string, world: TestWorld): Interception {
  return {
    check: (message, go) => {
      go();
      world.register(name, message);
    },
    send: async (messages, go) => {
      const records = messages.map((message) => recordOf(world, name, message));
      world.sends++;
      try {
        const results = await go(messages);
        records.forEach((record, index) => tellResult(record, results[index], world));
        return results;
      } finally {
        world.sends--;
        world.touch();
      }
    },
    request: async (message, onReply, go) => {
      const record = recordOf(world, name, message);
      const stop = await go(message, onReply);
      tellResult(record, undefined, world);
      return stop;
    },
    receive: (deliveries, go) => {
      for (const delivery of deliveries) witness(delivery, world);
      world.touch();
      return go(deliveries);
    },
  };
}

/** Dead letters and requests of a client are not checked before they are sent, so they are new here. */
const recordOf = (world: TestWorld, name: string, message: OutgoingMessage): MessageRecord =>
  world.recordOfMessage(message) ?? world.register(name, message);

const isNotStored = (result: SendResult | undefined): boolean =>
  result instanceof TransportError && result.stored !== 'unknown';

function tellResult(record: MessageRecord, result: SendResult | undefined, world: TestWorld): void {
  const failed = isNotStored(result);
  record.state = failed ? 'not stored' : result instanceof TransportError ? 'unknown' : 'stored';
  const outcome = { stored: 'ok', 'not stored': 'failed', unknown: 'unknown' } as const;
  const { id, topic } = record.message;
  if (world.readers.isRead(record.broker, topic)) {
    world.history.add({ what: 'published', id, outcome: outcome[record.state] });
  }
}

function witness(delivery: Delivery, world: TestWorld): void {
  const record = world.recordOf(delivery);
  if (record === undefined) return;
  const { group } = delivery;
  const tell = (event: Event): void => {
    record.happened(world.atMs, group, event);
    world.touch();
  };
  tell({ what: 'delivered', attempt: delivery.attempt });
  const settle = delivery.settle.bind(delivery);
  delivery.settle = (settlement) => {
    const { attempt } = delivery;
    const failure = settlement === ACK ? undefined : world.takeFailure(delivery);
    const isSettled = settle(settlement);
    tell(isSettled ? endOf(settlement, attempt, failure ?? {}) : { what: 'not-settled', attempt });
    return isSettled;
  };
  const park = delivery.park.bind(delivery);
  delivery.park = (nextAttempt, delayMs) => {
    const { attempt } = delivery;
    const failure = world.takeFailure(delivery);
    park(nextAttempt, delayMs);
    if (failure !== undefined && 'error' in failure) tell(pauseOf(attempt, delayMs, failure));
  };
}

interface Failure {
  readonly reason?: string;
  readonly deadLetterTopic?: string;
  readonly error?: unknown;
}

function endOf(settlement: Settlement, attempt: number, failure: Failure): Event {
  const { reason, deadLetterTopic, error } = failure;
  if (settlement === ACK) return { what: 'acked', attempt };
  if (settlement.kind === 'nack') return { what: 'retried', attempt, delayMs: settlement.delayMs, error };
  if (deadLetterTopic !== undefined) return { what: 'dead-lettered', attempt, deadLetterTopic, error };
  return { what: 'dropped', attempt, reason: reason ?? 'no reason given' };
}

function pauseOf(attempt: number, delayMs: number, { deadLetterTopic, error }: Failure): Event {
  return deadLetterTopic === undefined
    ? { what: 'retried', attempt, delayMs, error }
    : { what: 'dead-letter-failed', attempt, error };
}

function leaving(consumption: Consumption, leave: () => void): Consumption {
  return {
    stop: () => consumption.stop(),
    close: () => {
      leave();
      return consumption.close();
    },
  };
}
