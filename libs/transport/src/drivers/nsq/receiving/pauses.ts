import type { BrokerHost } from '../../../contract/index.js';
import type { NsqdBacklog } from '../client/index.js';

/** What an operator has paused of one channel. Nothing is delivered from there, and nsqd reports it only over HTTP. */
export class Pauses {
  readonly #host: Pick<BrokerHost, 'notices' | 'broker'>;
  readonly #topic: string;
  readonly #channel: string;
  /** One sentence for each nsqd that has paused it. */
  readonly #problems = new Map<string, string>();

  constructor(host: Pick<BrokerHost, 'notices' | 'broker'>, topic: string, channel: string) {
    this.#host = host;
    this.#topic = topic;
    this.#channel = channel;
  }

  get problems(): readonly string[] {
    return [...this.#problems.values()];
  }

  /** Takes note of what nsqd said; a new pause is reported once. */
  note(backlogs: readonly NsqdBacklog[]): void {
    for (const { nsqd, httpUrl, waiting, paused } of backlogs) {
      // One that does not answer has not said that the pause is over.
      if (waiting === undefined) continue;
      if (paused === undefined) this.#problems.delete(nsqd);
      else this.#pausedAt(nsqd, httpUrl ?? nsqd, paused);
    }
  }

  #pausedAt(nsqd: string, httpUrl: string, paused: 'topic' | 'channel'): void {
    const [topic, channel] = [this.#topic, this.#channel];
    const what = paused === 'topic' ? `topic "${topic}"` : `channel "${channel}" of topic "${topic}"`;
    const query = paused === 'topic' ? { topic } : { topic, channel };
    const command = `curl -X POST '${httpUrl}/${paused}/unpause?${new URLSearchParams(query)}'`;
    const warning = `nsqd ${nsqd} delivers nothing from ${what}, because it is paused there. To continue: ${command}`;
    const isNew = this.#problems.get(nsqd) !== warning;
    this.#problems.set(nsqd, warning);
    const { notices, broker } = this.#host;
    if (isNew) notices.emit('broker:warned', { broker, warning });
  }
}
