import { TransportError, type Clock } from '../../../contract/index.js';
import { REFUSED_MS } from '../client/channel-pool.js';
import { ConfirmedChannel, MAX_UNCONFIRMED, type Fate, type Parcel } from './confirmed-channel.js';
import { channelError } from '../client/failures.js';
import type { Link } from '../client/link.js';

/** A channel, and how many publishes on it wait for their outcome. */
interface Used {
  readonly opening: Promise<ConfirmedChannel>;
  count: number;
  refusedAtMs: number | undefined;
}

/** The channel for the driver's own messages, so that no publish of the application can close or delay it. */
export class OwnChannel {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #used: Used | undefined;
  #unconfirmed = 0;

  constructor(link: Link, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  /** @throws TransportError when there is no channel */
  async publish(parcel: Parcel): Promise<Fate> {
    if (this.#unconfirmed < MAX_UNCONFIRMED) this.#unconfirmed++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const used = (this.#used ??= this.#open());
    used.count++;
    try {
      const fate = await (await used.opening).store(parcel);
      if (fate === 'refused') this.#retire(used);
      return fate;
    } finally {
      used.count--;
      if (this.#used !== used && used.count === 0)
        void used.opening.then((channel) => channel.close()).catch(() => undefined);
      this.#leave();
    }
  }

  /** Passes the slot to the next waiter. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#unconfirmed--;
    else next();
  }

  /** Replaces the channel, which would keep rejecting. Publishes in flight on it are awaited. */
  #retire(used: Used): void {
    const nowMs = this.#clock.monotonicMs();
    used.refusedAtMs ??= nowMs;
    if (this.#used === used && nowMs - used.refusedAtMs >= REFUSED_MS) this.#used = undefined;
  }

  #open(): Used {
    const used: Used = { opening: this.#openChannel(), count: 0, refusedAtMs: undefined };
    const forget = (): void => {
      if (this.#used === used) this.#used = undefined;
    };
    used.opening.then((channel) => channel.onClosed(forget), forget);
    return used;
  }

  async #openChannel(): Promise<ConfirmedChannel> {
    try {
      return await ConfirmedChannel.open(await this.#link.open());
    } catch (error) {
      throw error instanceof TransportError ? error : channelError(error, 'cannot open a channel to publish on');
    }
  }
}
