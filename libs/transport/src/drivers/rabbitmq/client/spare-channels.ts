import type { Channel, ChannelModel } from 'amqplib';

/** Limit of idle channels. Concurrent declarations may use more, which are closed afterwards. */
const MOST_SPARE = 4;

interface Spare {
  readonly model: ChannelModel;
  readonly channel: Channel;
  /** Why the server closed the channel. */
  refusal: unknown;
  isOpen: boolean;
}

/** Reuses channels for declarations and checks. */
export class SpareChannels {
  #spare: Spare[] = [];

  /** Runs `work` on a channel of its own, so that an error of the server closes no other channel. @throws what amqplib throws */
  async use<Result>(model: ChannelModel, work: (channel: Channel) => Promise<Result>): Promise<Result> {
    const spare = this.#take(model) ?? (await open(model));
    try {
      const result = await work(spare.channel);
      this.#keep(spare);
      return result;
    } catch (error) {
      if (spare.isOpen) await spare.channel.close().catch(() => undefined);
      throw spare.refusal ?? error;
    }
  }

  #take(model: ChannelModel): Spare | undefined {
    this.#spare = this.#spare.filter((spare) => spare.isOpen && spare.model === model);
    return this.#spare.pop();
  }

  #keep(spare: Spare): void {
    if (!spare.isOpen) return;
    if (this.#spare.length < MOST_SPARE) this.#spare.push(spare);
    else void spare.channel.close().catch(() => undefined);
  }
}

async function open(model: ChannelModel): Promise<Spare> {
  const channel = await model.createChannel();
  const spare: Spare = { model, channel, refusal: undefined, isOpen: true };
  channel.on('error', (error) => (spare.refusal = error));
  channel.on('close', () => (spare.isOpen = false));
  return spare;
}
