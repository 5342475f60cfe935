import { type Clock } from '../../../contract/index.js';
import { systemClock } from '../../../shared/index.js';
import { NsqdAdmin } from './admin.js';
import { NsqError } from './failure.js';

/** What one nsqd says of one channel. */
export interface Backlog {
  /** Messages that wait for a consumer: neither in flight nor deferred. */
  readonly waiting: number;
  /** What an operator has paused, if anything. */
  readonly paused: 'topic' | 'channel' | undefined;
}

const REQUEST_TIMEOUT_MS = 2_000;
/** An nsqd that refuses to answer is asked again after this time. */
const REFUSED_MS = 60_000;

/** Asks nsqd over HTTP what waits in one channel of one topic. */
export class BacklogSource {
  readonly #topic: string;
  readonly #channel: string;
  readonly #clock: Clock;
  readonly #refusedUntilMs = new Map<string, number>();

  constructor(topic: string, channel: string, clock: Clock = systemClock) {
    this.#topic = topic;
    this.#channel = channel;
    this.#clock = clock;
  }

  /** undefined when this nsqd does not answer. Never rejects. @param httpUrl `http://host:port` of the nsqd */
  async at(httpUrl: string): Promise<Backlog | undefined> {
    if (this.#clock.monotonicMs() < (this.#refusedUntilMs.get(httpUrl) ?? 0)) return undefined;
    try {
      return await this.#ask(httpUrl);
    } catch (error) {
      const isRefusal = error instanceof NsqError && error.reason === 'refused';
      if (isRefusal) this.#refusedUntilMs.set(httpUrl, this.#clock.monotonicMs() + REFUSED_MS);
      return undefined;
    }
  }

  async #ask(httpUrl: string): Promise<Backlog> {
    const stats = await new NsqdAdmin(httpUrl, REQUEST_TIMEOUT_MS).channelStats(this.#topic, this.#channel);
    const channel = stats?.channels.find(({ channel_name }) => channel_name === this.#channel);
    // While the topic is paused, its messages wait in the topic itself and not yet in the channel.
    const waiting = (stats?.depth ?? 0) + (channel?.depth ?? 0);
    const paused = stats?.paused === true ? 'topic' : channel?.paused === true ? 'channel' : undefined;
    return { waiting, paused };
  }
}
