import {
  settlementFailed,
  TransportError,
  type Broker,
  type BrokerHost,
  type Delivery,
  type OutgoingMessage,
  type SendResult,
} from '../../contract/index.js';
import { wrapBroker } from './wrap-broker.js';

/** Faults that a test can switch on while applications use the broker. The returned function ends the fault. */
export interface Faults {
  /** Rejects messages for this topic as not stored; stores the others of the same request. */
  refuse(topic: string): () => void;
  /** Does the same with a retryable error, as a broker that restarts or elects a leader. */
  refuseForNow(topic: string): () => void;
  /** Stores messages for this topic but loses the confirmation: the outcome is unknown to the sender. */
  loseConfirmations(topic: string): () => void;
  /**
   * Settlements of messages of this topic do not reach the broker and are reported by `settlement:failed`: the broker delivers
   * the messages again, to the next member at the latest when this one has left.
   */
  refuseSettlements(topic: string): () => void;
  /** Holds requests with a message for this topic; nothing of them is stored until they are released. */
  hold(topic: string): Held;
}

/** Held requests. */
export interface Held {
  /** Resolves when the first request is held. */
  readonly reached: Promise<void>;
  /** Releases the held requests; later ones are not held. */
  release(): void;
}

/** A broker, and the switches of its faults. */
export interface ScriptedFaultsBroker extends Broker {
  readonly faults: Faults;
}

/**
 * Wraps a broker with faults that a test switches on and off, for tests of drivers and of applications.
 *
 * ```ts
 * const broker = scriptedFaults(memory());
 * const heal = broker.faults.refuse('orders.inventory.dead-letter');
 * ```
 */
export function scriptedFaults(broker: Broker): ScriptedFaultsBroker {
  const faults = new ScriptedFaults();
  const wrapped = wrapBroker(broker, (host) => ({
    send: (messages, go) => faults.send(messages, go),
    receive: (deliveries, go) => {
      for (const delivery of deliveries) faults.watchSettlement(delivery, host);
      return go(deliveries);
    },
  }));
  return { ...wrapped, faults };
}

class ScriptedFaults implements Faults {
  readonly #refused = new Set<string>();
  readonly #refusedForNow = new Set<string>();
  readonly #unconfirmed = new Set<string>();
  readonly #unsettled = new Set<string>();
  readonly #gates = new Map<string, { readonly reach: () => void; readonly opened: Promise<void> }>();

  refuse(topic: string): () => void {
    return switchOn(this.#refused, topic);
  }

  refuseForNow(topic: string): () => void {
    return switchOn(this.#refusedForNow, topic);
  }

  loseConfirmations(topic: string): () => void {
    return switchOn(this.#unconfirmed, topic);
  }

  refuseSettlements(topic: string): () => void {
    return switchOn(this.#unsettled, topic);
  }

  /** Puts this object between the delivery and whoever settles it. */
  watchSettlement(delivery: Delivery, host: Pick<BrokerHost, 'notices' | 'broker'>): void {
    const settle = delivery.settle.bind(delivery);
    let isRefused = false;
    delivery.settle = (settlement) => {
      if (isRefused) return false;
      const isOurs = delivery.state !== 'settled' && delivery.state !== 'revoked';
      if (!isOurs || !this.#unsettled.has(delivery.topic)) return settle(settlement);
      isRefused = true;
      settlementFailed(host, delivery, settlement, new Error('A fault injected by the test: the broker refused it.'));
      return true;
    };
  }

  hold(topic: string): Held {
    const reached = signal();
    const opened = signal();
    this.#gates.set(topic, { reach: reached.give, opened: opened.given });
    const release = (): void => {
      this.#gates.delete(topic);
      opened.give();
    };
    return { reached: reached.given, release };
  }

  async send(
    messages: readonly OutgoingMessage[],
    go: (messages: readonly OutgoingMessage[]) => Promise<readonly SendResult[]>,
  ): Promise<readonly SendResult[]> {
    await this.#passGates(messages);
    const passed = messages.filter(({ topic }) => !this.#refused.has(topic) && !this.#refusedForNow.has(topic));
    const results = passed.length === 0 ? [] : await go(passed);
    const byMessage = new Map(passed.map((message, index) => [message, results[index] as SendResult]));
    return messages.map((message) => this.#resultOf(message, byMessage.get(message)));
  }

  async #passGates(messages: readonly OutgoingMessage[]): Promise<void> {
    for (const topic of new Set(messages.map((message) => message.topic))) {
      const gate = this.#gates.get(topic);
      gate?.reach();
      if (gate !== undefined) await gate.opened;
    }
  }

  #resultOf({ topic }: OutgoingMessage, result: SendResult | undefined): SendResult {
    if (result === undefined) return failure('TRANSPORT_PUBLISH_FAILED', topic, 'no', this.#refusedForNow.has(topic));
    return this.#unconfirmed.has(topic) ? failure('TRANSPORT_PUBLISH_UNKNOWN', topic, 'unknown', true) : result;
  }
}

function signal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => (give = resolve));
  return { given, give };
}

function switchOn(topics: Set<string>, topic: string): () => void {
  topics.add(topic);
  return () => void topics.delete(topic);
}

function failure(
  code: 'TRANSPORT_PUBLISH_FAILED' | 'TRANSPORT_PUBLISH_UNKNOWN',
  topic: string,
  stored: 'no' | 'unknown',
  retryable: boolean,
) {
  const what = stored === 'no' ? 'did not store' : 'stored, without saying so,';
  const message = `A fault injected by the test: the broker ${what} the message for "${topic}".`;
  return new TransportError(code, message, { stored, retryable, topic });
}
