import type { BrokerHost, Subscription, TransportError } from '../../../contract/index.js';
import type { ConsumerPlace } from './consumers.js';
import { errorOf } from '../client/failures.js';

/** What one subscription tells of itself. */
export class SubscriptionNotices {
  readonly #host: BrokerHost;
  readonly #about: { readonly broker: string; readonly topic: string; readonly group: string };

  constructor(host: BrokerHost, { topic, group }: Subscription) {
    this.#host = host;
    this.#about = { broker: host.broker, topic, group };
  }

  /** How errors begin. */
  get what(): string {
    return `cannot consume "${this.#about.topic}" for group "${this.#about.group}"`;
  }

  /** @returns what was told */
  crashed(cause: TransportError, restartInMs: number): TransportError {
    const { topic, group } = this.#about;
    const text = `group "${group}" does not consume "${topic}": ${cause.message}`;
    const error = errorOf('TRANSPORT_SUBSCRIPTION_CRASHED', text, { retryable: true, topic, cause });
    this.#host.notices.emit('subscription:crashed', { ...this.#about, error, restartInMs });
    return error;
  }

  recovered(): void {
    this.#host.notices.emit('subscription:recovered', this.#about);
  }

  /** @param reason undefined: it goes on */
  stalled({ settledUpTo }: ConsumerPlace, reason: string | undefined): void {
    if (reason === undefined) return this.#host.notices.emit('partition:unstalled', { ...this.#about, partition: 0 });
    const unsettledOffset = String(settledUpTo + 1);
    this.#host.notices.emit('partition:stalled', { ...this.#about, partition: 0, unsettledOffset, reason });
  }

  limitedDeliveries({ name, stream, maxDeliveries }: ConsumerPlace): void {
    this.warn(
      `its consumer "${name}" of stream "${stream}" has max_deliver ${maxDeliveries}: after so many deliveries the server leaves a message, whatever retry says; set it to -1`,
    );
  }

  /** The server delivers a message no more, which is in the stream and settled by nobody. */
  abandoned({ name, stream }: ConsumerPlace, sequence: number, deliveries: number): void {
    this.warn(
      `message ${sequence} of stream "${stream}" was delivered ${deliveries} times to consumer "${name}" (max_deliver), and the server leaves it: it is in the stream, nobody has settled it, and it does not come again`,
    );
  }

  warn(warning: string): void {
    this.#host.notices.emit('subscription:warned', { ...this.#about, warning });
  }
}

/** A consumer that was there, and is not any more. */
export const goneError = (what: string, { name, stream, settledUpTo }: ConsumerPlace): TransportError =>
  errorOf(
    'TRANSPORT_TOPIC_MISSING',
    `${what}: the consumer "${name}" of stream "${stream}" was deleted. It is made again behind message ${settledUpTo}; what was settled after that may come a second time.`,
    { retryable: true },
  );
