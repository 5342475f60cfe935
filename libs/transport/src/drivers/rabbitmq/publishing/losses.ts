import type { BrokerHost, TransportError } from '../../../contract/index.js';
import type { Addressing } from './addressing.js';
import { DeletedExchangeWait } from '../topology/deleted-exchange.js';
import { channelError, isMissing, missingExchangeIn, replyCodeOf } from '../client/failures.js';
import type { ResolvedRabbitmqOptions } from '../options.js';
import { isGuilty, refusedByChannel, unconfirmed } from './publish-errors.js';
import { end, MAX_REFUSALS, type Entry, type Request } from './publish-request.js';

/** What becomes of messages whose channel ended before the server said anything of them. */
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

  /** Exchanges to which nothing is published now, with the reason. */
  get obstacles(): string[] {
    return [...this.#deletedExchange.exchanges].flatMap((exchange) => this.obstacleOf(exchange) ?? []);
  }

  /** Why nothing is published to this exchange now. */
  obstacleOf(exchange: string): string | undefined {
    return this.#deletedExchange.reasonFor(exchange);
  }

  /**
   * The connection went: everything unconfirmed goes again, under the same ids. The channel was closed: the fault of one of
   * these messages, as nobody else used the channel, so that one is found and the others go again.
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

  /** Somebody deleted an exchange: what was not confirmed goes again, under the same ids, when its subscribers are back. */
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

/** Those that RabbitMQ's sentence fits; where it fits none, the one that was alone. */
function guiltyOf(lost: readonly Entry[], failure: Error): readonly Entry[] {
  const named = lost.filter((entry) => isGuilty(entry, failure));
  return named.length === 0 && lost.length === 1 ? lost : named;
}
