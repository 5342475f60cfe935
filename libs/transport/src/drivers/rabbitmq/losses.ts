import type { Clock, TransportError } from '../../contract/index.js';
import type { Addressing } from './addressing.js';
import { DeletedExchangeWait } from './deleted-exchange.js';
import { channelError, isMissing, missingExchangeIn, replyCodeOf } from './failures.js';
import type { ResolvedRabbitmqOptions } from './options.js';
import { isGuilty, neighbour, refusedByChannel, unconfirmed } from './publish-errors.js';
import { end, MAX_REFUSALS, type Entry, type Request } from './publish-request.js';

/** What becomes of messages whose channel ended before the server said anything of them. */
export class PublishLosses {
  readonly #clock: Clock;
  readonly #options: ResolvedRabbitmqOptions;
  readonly #addressing: Addressing;
  readonly #onUnfed: (topic: string, error: TransportError) => void;
  readonly #deletedExchange: DeletedExchangeWait;

  /** @param closing ends every wait */
  constructor(
    clock: Clock,
    options: ResolvedRabbitmqOptions,
    addressing: Addressing,
    onUnfed: (topic: string, error: TransportError) => void,
    closing: AbortSignal,
  ) {
    this.#clock = clock;
    this.#options = options;
    this.#addressing = addressing;
    this.#onUnfed = onUnfed;
    this.#deletedExchange = new DeletedExchangeWait(clock, options.topologyCheckMs, closing);
  }

  /** Why nothing is published now. */
  get obstacle(): string | undefined {
    return this.#deletedExchange.reason;
  }

  /**
   * The connection went: everything unconfirmed goes again, under the same ids. The channel was closed: somebody's fault,
   * so the one is found whose it was, and the others go again.
   */
  async after(failure: Error | undefined, entries: Entry[], request: Request): Promise<Entry[]> {
    const nowMs = this.#clock.monotonicMs();
    request.untilMs ??= nowMs + this.#options.republishMs;
    if (failure === undefined || replyCodeOf(failure) === undefined) {
      return nowMs < request.untilMs ? entries : end(entries, request, (entry) => unconfirmed(entry, failure));
    }
    if (++request.refusals > MAX_REFUSALS) return end(entries, request, (entry) => refusedByChannel(entry, failure));
    if (isMissing(failure)) return this.#afterDeletion(failure, entries);
    const guilty = entries.filter((entry) => isGuilty(entry, failure));
    if (guilty.length > 0) {
      end(guilty, request, (entry) => refusedByChannel(entry, failure));
      return entries.filter((entry) => !guilty.includes(entry));
    }
    if (entries.length === 1) return end(entries, request, (entry) => refusedByChannel(entry, failure));
    return end(entries, request, (entry) => neighbour(entry, failure));
  }

  /** Somebody deleted an exchange: what was not confirmed goes again, under the same ids, when its subscribers are back. */
  async #afterDeletion(failure: Error, entries: Entry[]): Promise<Entry[]> {
    for (const entry of entries) this.#addressing.forget(entry);
    const exchange = missingExchangeIn(failure);
    const unfed = entries.filter(({ parcel, way }) => way === undefined && parcel.exchange === exchange);
    for (const topic of new Set(unfed.map(({ message }) => message.topic))) {
      this.#onUnfed(topic, channelError(failure, `nothing reaches the subscribers of "${topic}"`, topic));
    }
    if (unfed.length > 0 && this.#options.provision) await this.#deletedExchange.wait(exchange);
    return entries;
  }
}
