import type { BrokerHost, TransportError } from '../../../contract/index.js';
import type { Addressing } from './addressing.js';
import { DeletedExchangeWait } from './deleted-exchange.js';
import { channelError, isMissing, missingExchangeIn, replyCodeOf } from '../client/failures.js';
import type { ResolvedRabbitmqOptions } from '../options.js';
import { isGuilty, refusedByChannel, unconfirmed } from './publish-errors.js';
import { end, MAX_REFUSALS, type Entry, type Request } from './publish-request.js';

/** Handles messages whose channel closed before the server confirmed them. */
export class PublishLosses {
  readonly #clock: BrokerHost['clock'];
  readonly #options: ResolvedRabbitmqOptions;
  readonly #addressing: Addressing;
  readonly #onUnfed: (topic: string, error: TransportError) => void;
  readonly #deletedExchange: DeletedExchangeWait;

  /** @param closing ends every wait */
  constructor(
    { clock, notices, broker }: BrokerHost,
    options: ResolvedRabbitmqOptions,
    addressing: Addressing,
    onUnfed: (topic: string, error: TransportError) => void,
    closing: AbortSignal,
  ) {
    this.#clock = clock;
    this.#options = options;
    this.#addressing = addressing;
    this.#onUnfed = onUnfed;
    this.#deletedExchange = new DeletedExchangeWait(clock, options.topologyCheckMs, closing, (warning) =>
      notices.emit('broker:warned', { broker, warning }),
    );
  }

  /** The reasons why nothing is published to some exchanges now. */
  get obstacles(): string[] {
    return [...this.#deletedExchange.exchanges].flatMap((exchange) => this.obstacleOf(exchange) ?? []);
  }

  /** Returns why nothing is published to this exchange now. */
  obstacleOf(exchange: string): string | undefined {
    return this.#deletedExchange.reasonFor(exchange);
  }

  /**
   * Returns the messages to send again. After a lost connection these are all unconfirmed messages, with the same ids. After a channel
   * close one of the messages is at fault, because the channel had no other user: that one fails, and the others are sent again.
   */
  async after(failure: Error | undefined, lost: Entry[], request: Request): Promise<Entry[]> {
    const nowMs = this.#clock.monotonicMs();
    request.untilMs ??= nowMs + this.#options.republishMs;
    if (failure === undefined || replyCodeOf(failure) === undefined) {
      for (const entry of lost) entry.wasLost ||= entry.written;
      return nowMs < request.untilMs ? lost : end(lost, request, (entry) => unconfirmed(entry, failure));
    }
    if (isMissing(failure)) return this.#afterDeletion(failure, lost, request);
    const guilty = guiltyOf(lost, failure);
    if (guilty.length === 0) request.most = Math.max(1, Math.floor(lost.length / 2));
    end(guilty, request, (entry) => refusedByChannel(entry, failure));
    return lost.filter((entry) => !guilty.includes(entry));
  }

  /** The exchange was deleted: unconfirmed messages are sent again, with the same ids, once the subscribers have bound their queues. */
  async #afterDeletion(failure: Error, entries: Entry[], request: Request): Promise<Entry[]> {
    if (++request.refusals > MAX_REFUSALS) return end(entries, request, (entry) => unconfirmed(entry, failure));
    for (const entry of entries) this.#addressing.forget(entry);
    const exchange = missingExchangeIn(failure);
    const unfed = entries.filter(({ parcel, way }) => way === undefined && parcel.exchange === exchange);
    for (const topic of new Set(unfed.map(({ message }) => message.topic))) {
      this.#onUnfed(topic, channelError(failure, `no message reaches the subscribers of "${topic}"`, topic));
    }
    if (unfed.length > 0 && this.#options.provision) await this.#deletedExchange.wait(exchange);
    return entries;
  }
}

/** The messages that match RabbitMQ's reason, or the only message if none matches. */
function guiltyOf(lost: readonly Entry[], failure: Error): readonly Entry[] {
  const named = lost.filter((entry) => isGuilty(entry, failure));
  return named.length === 0 && lost.length === 1 ? lost : named;
}
