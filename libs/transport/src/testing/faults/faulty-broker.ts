import { TransportError, type Broker, type OutgoingMessage, type SendResult } from '../../contract/index.js';
import { wrapBroker } from './wrap-broker.js';

/** What a test can do to a broker while applications use it. Every fault returns the function that heals it. */
export interface Faults {
  /** Messages for this topic are not stored; the others of the same request are. */
  refuse(topic: string): () => void;
  /** Messages for this topic are stored, but the confirmation is lost: the sender cannot know. */
  loseConfirmations(topic: string): () => void;
  /** Requests with a message for this topic wait until they are let go; nothing of them is stored before. */
  hold(topic: string): () => void;
  /** Messages that wait because of `hold`. */
  readonly held: number;
}

/** A broker, and the handles to break it with. */
export interface FaultyBroker extends Broker {
  readonly faults: Faults;
}

/**
 * The same broker with faults that a test switches on and off, for suites of drivers and of applications alike.
 *
 * ```ts
 * const broker = faultyBroker(memory());
 * const heal = broker.faults.refuse('orders.inventory.dead-letter');
 * ```
 */
export function faultyBroker(broker: Broker): FaultyBroker {
  const faults = new SendFaults();
  const wrapped = wrapBroker(broker, () => ({ send: (messages, go) => faults.send(messages, go) }));
  return { ...wrapped, faults };
}

class SendFaults implements Faults {
  readonly #refused = new Set<string>();
  readonly #unconfirmed = new Set<string>();
  readonly #gates = new Map<string, { readonly opened: Promise<void>; readonly open: () => void }>();
  held = 0;

  refuse(topic: string): () => void {
    return switchOn(this.#refused, topic);
  }

  loseConfirmations(topic: string): () => void {
    return switchOn(this.#unconfirmed, topic);
  }

  hold(topic: string): () => void {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.#gates.set(topic, { opened, open });
    return () => {
      this.#gates.delete(topic);
      open();
    };
  }

  async send(
    messages: readonly OutgoingMessage[],
    go: (messages: readonly OutgoingMessage[]) => Promise<readonly SendResult[]>,
  ): Promise<readonly SendResult[]> {
    await this.#passGates(messages);
    const passed = messages.filter(({ topic }) => !this.#refused.has(topic));
    const results = passed.length === 0 ? [] : await go(passed);
    const byMessage = new Map(passed.map((message, index) => [message, results[index] as SendResult]));
    return messages.map((message) => this.#resultOf(message, byMessage.get(message)));
  }

  async #passGates(messages: readonly OutgoingMessage[]): Promise<void> {
    const gates = [...new Set(messages.map(({ topic }) => topic))].flatMap((topic) => this.#gates.get(topic) ?? []);
    if (gates.length === 0) return;
    this.held += messages.length;
    for (const { opened } of gates) await opened;
    this.held -= messages.length;
  }

  #resultOf({ topic }: OutgoingMessage, result: SendResult | undefined): SendResult {
    if (result === undefined) return failure('TRANSPORT_PUBLISH_FAILED', topic, 'no');
    return this.#unconfirmed.has(topic) ? failure('TRANSPORT_PUBLISH_UNKNOWN', topic, 'unknown') : result;
  }
}

function switchOn(topics: Set<string>, topic: string): () => void {
  topics.add(topic);
  return () => void topics.delete(topic);
}

function failure(
  code: 'TRANSPORT_PUBLISH_FAILED' | 'TRANSPORT_PUBLISH_UNKNOWN',
  topic: string,
  stored: 'no' | 'unknown',
) {
  const what = stored === 'no' ? 'did not store' : 'stored, without saying so,';
  const message = `A fault injected by the test: the broker ${what} the message for "${topic}".`;
  return new TransportError(code, message, { stored, retryable: true, topic });
}
