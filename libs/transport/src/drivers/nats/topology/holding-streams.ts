import type { StreamConfig } from '@nats-io/jetstream';
import type { Clock, TransportError } from '../../../contract/index.js';
import { errorOf } from '../client/failures.js';
import type { Link } from '../client/link.js';
import { covers } from './names.js';
import type { Streams } from './streams.js';
import { isWaitingSubject } from './waiting-subjects.js';

/** A stream may be edited or recreated at any time. */
const REFRESH_MS = 60_000;
/** After JetStream's API did not answer. */
const RETRY_MS = 5_000;

interface Look {
  readonly config: Promise<StreamConfig | undefined>;
  refreshAtMs: number;
}

/** Knows the configuration of the stream that holds a topic; only the first publish to a topic waits for it. */
export class HoldingStreams {
  readonly #clock: Clock;
  readonly #link: Link;
  readonly #streams: Streams;
  readonly #looks = new Map<string, Look>();

  constructor(clock: Clock, link: Link, streams: Streams) {
    this.#clock = clock;
    this.#link = link;
    this.#streams = streams;
    link.listen({ linkUp: () => this.#expireAll(), linkDown: () => undefined });
  }

  /** undefined: there is none, or this user may not read it. Never rejects. */
  of(topic: string): Promise<StreamConfig | undefined> {
    const look = this.#looks.get(topic);
    if (look === undefined) return this.#look(topic).config;
    if (this.#clock.now() >= look.refreshAtMs) this.#refresh(topic, look);
    return look.config;
  }

  /** The next publish looks again. */
  forget(topic: string): void {
    this.#looks.delete(topic);
  }

  /** Why the stream would confirm a message and keep it for nobody; undefined: it keeps it. */
  async problemOf(topic: string): Promise<TransportError | undefined> {
    const config = await this.of(topic);
    if (config === undefined || String(config.retention) !== 'interest') return undefined;
    // Without the right to look at consumers, the publish is left to the server.
    const hasConsumer = await this.#hasConsumer(topic, config).catch(() => true);
    return hasConsumer ? undefined : noConsumerError(topic, config.name);
  }

  #look(topic: string): Look {
    const config = this.#streams.keepingOf(topic).then(
      (configs) => configs.find(({ subjects = [] }) => subjects.some((subject) => covers(subject, topic))),
      (error: TransportError) => {
        if (error.retryable) look.refreshAtMs = this.#clock.now() + RETRY_MS;
        return undefined;
      },
    );
    const look = { config, refreshAtMs: this.#clock.now() + REFRESH_MS };
    this.#looks.set(topic, look);
    return look;
  }

  /** In the background, and what is known stays until the API answers: publishes do not wait for it again. */
  #refresh(topic: string, old: Look): void {
    const fresh = this.#look(topic);
    old.refreshAtMs = this.#clock.now() + RETRY_MS;
    this.#looks.set(topic, old);
    void fresh.config.then((config) => {
      if (config !== undefined && this.#looks.get(topic) === old) this.#looks.set(topic, fresh);
      else old.refreshAtMs = fresh.refreshAtMs;
    });
  }

  #expireAll(): void {
    for (const look of this.#looks.values()) look.refreshAtMs = 0;
  }

  #hasConsumer(topic: string, config: StreamConfig): Promise<boolean> {
    const { name } = config;
    return this.#link.ask(`cannot look for consumers of stream "${name}"`, async (manager) => {
      const { state } = await manager.streams.info(name);
      if (state.consumer_count === 0) return false;
      if (holdsOnly(config, topic)) return true;
      let listed = 0;
      for await (const { config: consumer } of manager.consumers.list(name)) {
        if (filtersOf(consumer).some((filter) => covers(filter, topic))) return true;
        listed++;
      }
      // The server counts the consumers of mirrors and sources, and does not list them.
      return listed < state.consumer_count;
    });
  }
}

/** Whether an id of the stream can belong to no other topic. */
export function holdsOnly({ subjects = [], sources = [], mirror }: StreamConfig, topic: string): boolean {
  if (sources.length > 0 || mirror !== undefined) return false;
  return subjects.every((subject) => subject === topic || isWaitingSubject(subject));
}

function filtersOf({
  filter_subject: one,
  filter_subjects: many = [],
}: {
  filter_subject?: string;
  filter_subjects?: string[];
}): string[] {
  if (many.length > 0) return many;
  return [one === undefined || one === '' ? '>' : one];
}

const noConsumerError = (topic: string, stream: string): TransportError =>
  errorOf(
    'TRANSPORT_PUBLISH_FAILED',
    `cannot publish to "${topic}": stream "${stream}" has retention "interest" and no consumer for the topic, so the server would drop the message. Start a subscriber first, or create the stream with retention "limits".`,
    { topic, stored: 'no', retryable: true },
  );
