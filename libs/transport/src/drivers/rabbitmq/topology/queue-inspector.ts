import type { Clock } from '../../../contract/index.js';
import { isRefused } from '../client/failures.js';
import type { Link } from '../client/link.js';
import { SpareChannels } from '../client/spare-channels.js';
import { pause } from '../../kit/waits.js';

/** The state of a queue a moment ago. */
export interface QueueState {
  /** Messages that are not with a consumer. */
  readonly ready: number;
  readonly consumers: number;
}

/** A server that responds later counts as unreachable. */
const PATIENCE_MS = 2_000;
/** Pause after a permission error. */
const DENIED_PAUSE_MS = 60_000;

/** Reads the state of queues (passive `queue.declare`) on its own channels, because a missing queue closes the channel. */
export class QueueInspector {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #channels = new SpareChannels();
  /** Open requests by queue. */
  readonly #asking = new Map<string, Promise<QueueState | undefined>>();
  readonly #deniedUntilMs = new Map<string, number>();

  constructor(link: Link, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  /** Returns the state, or undefined when it cannot be read. Never rejects, and shares concurrent requests. */
  stateOf(queue: string): Promise<QueueState | undefined> {
    if ((this.#deniedUntilMs.get(queue) ?? 0) > this.#clock.monotonicMs()) return Promise.resolve(undefined);
    const asking = this.#asking.get(queue) ?? this.#ask(queue).finally(() => this.#asking.delete(queue));
    this.#asking.set(queue, asking);
    return this.#withPatience(asking);
  }

  async #withPatience(asking: Promise<QueueState | undefined>): Promise<QueueState | undefined> {
    const ended = new AbortController();
    try {
      return await Promise.race([asking, pause(this.#clock, PATIENCE_MS, ended.signal).then(() => undefined)]);
    } finally {
      ended.abort();
    }
  }

  async #ask(queue: string): Promise<QueueState | undefined> {
    const { model } = this.#link;
    if (model === undefined) return undefined;
    try {
      const { messageCount, consumerCount } = await this.#channels.use(model, (channel) => channel.checkQueue(queue));
      return { ready: messageCount, consumers: consumerCount };
    } catch (error) {
      if (isRefused(error)) this.#deniedUntilMs.set(queue, this.#clock.monotonicMs() + DENIED_PAUSE_MS);
      return undefined;
    }
  }
}
