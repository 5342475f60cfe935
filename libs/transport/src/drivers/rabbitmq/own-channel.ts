import { TransportError } from '../../contract/index.js';
import { ConfirmedChannel, MAX_UNCONFIRMED, type Fate, type Parcel } from './confirmed-channel.js';
import { channelError } from './failures.js';
import type { Link } from './link.js';

/** The channel for what the driver itself stores: no publish of the application can close it or hold it up. */
export class OwnChannel {
  readonly #link: Link;
  readonly #waiting: (() => void)[] = [];
  #channel: Promise<ConfirmedChannel> | undefined;
  #unconfirmed = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  /** @throws TransportError when there is no channel */
  async publish(parcel: Parcel): Promise<Fate> {
    if (this.#unconfirmed < MAX_UNCONFIRMED) this.#unconfirmed++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      this.#channel ??= this.#open();
      return await (await this.#channel).store(parcel);
    } finally {
      this.#leave();
    }
  }

  /** The place goes to the next one that waits. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#unconfirmed--;
    else next();
  }

  async #open(): Promise<ConfirmedChannel> {
    try {
      const channel = await ConfirmedChannel.open(await this.#link.open());
      channel.onClosed(() => (this.#channel = undefined));
      return channel;
    } catch (error) {
      this.#channel = undefined;
      throw error instanceof TransportError ? error : channelError(error, 'cannot open a channel to publish on');
    }
  }
}
