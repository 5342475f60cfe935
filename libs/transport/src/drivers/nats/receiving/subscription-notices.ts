import type { BrokerHost, Subscription, TransportError } from '../../../contract/index.js';
import type { ConsumerPlace } from './consumers.js';
import { errorOf } from '../client/failures.js';

/** The notices of one subscription. */
export class SubscriptionNotices {
  readonly #host: BrokerHost;
  readonly #about: { readonly broker: string; readonly topic: string; readonly group: string };

  constructor(host: BrokerHost, { topic, group }: Subscription) {
    this.#host = host;
    this.#about = { broker: host.broker, topic, group };
  }

  /** The start of error messages. */
  get what(): string {
    return `cannot consume "${this.#about.topic}" for group "${this.#about.group}"`;
  }

  /** @returns the reported error */
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

  /** @param reason undefined: it receives messages again */
  stalled({ settledUpTo }: ConsumerPlace, reason: string | undefined): void {
    if (reason === undefined) return this.#host.notices.emit('partition:unstalled', { ...this.#about, partition: 0 });
    const unsettledOffset = String(settledUpTo + 1);
    this.#host.notices.emit('partition:stalled', { ...this.#about, partition: 0, unsettledOffset, reason });
  }

  limitedDeliveries({ name, stream, maxDeliveries }: ConsumerPlace): void {
    this.warn(
      `its consumer "${name}" of stream "${stream}" has max_deliver ${maxDeliveries}: after this many deliveries the server stops delivering a message, whatever the retry options say. Set max_deliver to -1`,
    );
  }

  /** The server no longer delivers a message that is in the stream and unsettled. */
  abandoned({ name, stream }: ConsumerPlace, sequence: number, deliveries: number): void {
    this.warn(
      `message ${sequence} of stream "${stream}" was delivered ${deliveries} times to consumer "${name}" (max_deliver), and the server does not deliver it again: it stays in the stream, unsettled. Set max_deliver to -1 to prevent this`,
    );
  }

  warn(warning: string): void {
    this.#host.notices.emit('subscription:warned', { ...this.#about, warning });
  }
}

/** The error for a consumer that was deleted. */
export const goneError = (what: string, { name, stream, settledUpTo }: ConsumerPlace): TransportError =>
  errorOf(
    'TRANSPORT_TOPIC_MISSING',
    `${what}: the consumer "${name}" of stream "${stream}" was deleted. It is recreated after message ${settledUpTo}; messages that were settled after that can be delivered again.`,
    { retryable: true },
  );
