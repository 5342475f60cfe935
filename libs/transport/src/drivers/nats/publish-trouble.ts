import type { BrokerHost, TransportError } from '../../contract/index.js';

/** A stream that refuses for a moment (a limit that is just reached, a leader that is elected) is no problem to report. */
const WORTH_SAYING_MS = 2_000;
/** A topic that nobody has published to for so long counts as well. */
const FORGET_MS = 60_000;
/** Topics that are remembered. */
const MAX_TOPICS = 1_000;

interface Trouble {
  readonly sinceMs: number;
  lastMs: number;
  problem: string;
  isReported: boolean;
}

/** The topics whose messages the broker refuses one after the other, whatever is in them: no stream, a limit, a right. */
export class PublishTrouble {
  readonly #host: BrokerHost;
  readonly #topics = new Map<string, Trouble>();

  constructor(host: BrokerHost) {
    this.#host = host;
  }

  /** One sentence per topic. */
  get problems(): string[] {
    const sinceMs = this.#host.clock.monotonicMs() - FORGET_MS;
    return [...this.#topics.values()]
      .filter(({ isReported, lastMs }) => isReported && lastMs >= sinceMs)
      .map(({ problem }) => problem);
  }

  stored(topic: string): void {
    if (this.#topics.size > 0) this.#topics.delete(topic);
  }

  /** What is wrong with one message is for its publisher only. */
  refused(topic: string, { code, message }: TransportError): void {
    if (code === 'TRANSPORT_MESSAGE_TOO_LARGE' || code === 'TRANSPORT_CLOSED') return;
    const nowMs = this.#host.clock.monotonicMs();
    const trouble = this.#troubleOf(topic, nowMs);
    trouble.lastMs = nowMs;
    trouble.problem = message;
    if (trouble.isReported || nowMs - trouble.sinceMs < WORTH_SAYING_MS) return;
    trouble.isReported = true;
    this.#host.notices.emit('broker:warned', { broker: this.#host.broker, warning: message });
  }

  #troubleOf(topic: string, nowMs: number): Trouble {
    const known = this.#topics.get(topic);
    if (known !== undefined && nowMs - known.lastMs < FORGET_MS) return known;
    const trouble = { sinceMs: nowMs, lastMs: nowMs, problem: '', isReported: false };
    if (this.#topics.size >= MAX_TOPICS) this.#topics.clear();
    this.#topics.set(topic, trouble);
    return trouble;
  }
}
