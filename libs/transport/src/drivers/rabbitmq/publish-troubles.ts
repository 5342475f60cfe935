import type { BrokerHost, TransportError } from '../../contract/index.js';

/** A trouble without another failure for this long is no longer reported: nobody may publish to the topic any more. */
const FORGET_MS = 30_000;

interface Trouble {
  readonly error: TransportError;
  lastMs: number;
}

/** Topics to which the server refuses publishes (a full queue, a missing right), for health and for one notice each. */
export class PublishTroubles {
  readonly #host: BrokerHost;
  readonly #troubles = new Map<string, Trouble>();

  constructor(host: BrokerHost) {
    this.#host = host;
  }

  /** One sentence each. */
  get sentences(): string[] {
    const since = this.#host.clock.monotonicMs() - FORGET_MS;
    for (const [topic, { lastMs }] of this.#troubles) if (lastMs < since) this.#troubles.delete(topic);
    return [...this.#troubles].map(([topic, { error }]) => sentenceOf(topic, error));
  }

  refused(topic: string, error: TransportError): void {
    const lastMs = this.#host.clock.monotonicMs();
    const known = this.#troubles.get(topic);
    if (known !== undefined) return void (known.lastMs = lastMs);
    this.#troubles.set(topic, { error, lastMs });
    const { notices, broker } = this.#host;
    notices.emit('broker:warned', { broker, warning: sentenceOf(topic, error) });
  }

  /** Something was stored. */
  stored(topic: string): void {
    if (this.#troubles.size > 0) this.#troubles.delete(topic);
  }
}

const sentenceOf = (topic: string, { message }: TransportError): string =>
  `RabbitMQ refuses publishes to "${topic}": ${message}`;
