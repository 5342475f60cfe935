import type { StreamConfig } from '@nats-io/jetstream';
import type { TransportError } from '../../../contract/index.js';
import { errorOf } from '../client/failures.js';
import type { Link } from '../client/link.js';
import { covers } from '../topology/names.js';
import type { ResolvedNatsOptions } from '../options.js';
import { msOf, type Streams } from '../topology/streams.js';
import { waitingSubjectsOf } from '../topology/waiting-subjects.js';

const FIRST_VERSION = [2, 12] as const;

/** Finds the stream where a message for later can wait, and lets it keep schedules where the driver was asked to provision. */
export class Schedules {
  readonly #link: Link;
  readonly #streams: Streams;
  readonly #options: ResolvedNatsOptions;
  /** By topic: how its stream is set, as it was last seen. */
  readonly #known = new Map<string, Promise<StreamConfig>>();

  constructor(link: Link, streams: Streams, options: ResolvedNatsOptions) {
    this.#link = link;
    this.#streams = streams;
    this.#options = options;
    link.listen({ linkUp: () => this.#known.clear(), linkDown: () => undefined });
  }

  /**
   * The stream of a topic, which keeps a message for so long.
   * @throws TransportError `TRANSPORT_CAPABILITY_UNSUPPORTED` where it would not; `TRANSPORT_TOPIC_MISSING`, `TRANSPORT_AUTHORIZATION_FAILED`, ...
   */
  async streamFor(topic: string, waitMs: number): Promise<string> {
    const known = this.#known.get(topic) ?? this.#find(topic);
    this.#known.set(topic, known);
    known.catch(() => this.#known.delete(topic));
    const config = await known;
    const problem = keepingProblem(config, waitMs);
    if (problem === undefined) return config.name;
    this.forget(topic);
    throw refused(topic, problem);
  }

  /** Looks again when it is asked for the next time. */
  forget(topic: string): void {
    this.#known.delete(topic);
  }

  async #find(topic: string): Promise<StreamConfig> {
    await this.#streams.holding(topic);
    const [config] = await this.#streams.keepingOf(topic);
    if (config === undefined) throw refused(topic, 'its stream is gone. Publish it again', true);
    // n.b. what could not be kept anyway must not change a stream for good.
    if (allows(config) || keepingProblem(config, 0) !== undefined) return config;
    if (this.#options.provision !== false) return this.#allow(topic, config);
    throw refused(topic, this.#notAllowed(config));
  }

  async #allow(topic: string, { name, subjects }: StreamConfig): Promise<StreamConfig> {
    const wanted = { allow_msg_schedules: true, subjects: withWaiting(name, subjects) };
    const what = `cannot let stream "${name}" keep messages for later`;
    const { config } = await this.#link.ask(what, (manager) => manager.streams.update(name, wanted), topic);
    // n.b. an older server does not know the setting, and says nothing of it.
    if (!allows(config)) throw refused(topic, this.#tooOld);
    return config;
  }

  #notAllowed({ name, subjects }: StreamConfig): string {
    if (isOld(this.#link.serverVersion)) return this.#tooOld;
    const list = withWaiting(name, subjects).join(',');
    return `stream "${name}" does not allow schedules. Allow them for good (nats stream edit ${name} --allow-schedules --subjects "${list}"), or let the driver do it: nats({ provision: {} })`;
  }

  get #tooOld(): string {
    return `that needs nats-server 2.12, and ${this.#link.addresses} runs ${this.#link.serverVersion ?? 'an older one'}. Upgrade it, or publish the message when it is due`;
  }
}

/** What keeps a stream from keeping a message for so long, with what to do about it; undefined when nothing does. */
export function keepingProblem(config: StreamConfig, waitMs: number): string | undefined {
  const { name, retention, max_age: maxAge = 0, max_msgs: maxMessages = -1, max_bytes: maxBytes = -1 } = config;
  if (String(retention) !== 'limits') {
    return `stream "${name}" has retention "${retention}", with which a message that waits could be deleted. Use a stream with limits retention`;
  }
  if (String(config.discard) === 'new') {
    return `stream "${name}" has discard "new", with which JetStream keeps no schedules. Use "old"`;
  }
  if (maxMessages > 0 || maxBytes > 0) {
    const limit = maxMessages > 0 ? `${maxMessages} messages (max_msgs)` : `${maxBytes} bytes (max_bytes)`;
    return `stream "${name}" keeps at most ${limit} and deletes the oldest, which would be the one that waits. Take the limit away, or give the topic a stream of its own`;
  }
  if (maxAge > 0 && msOf(maxAge) <= waitMs) {
    return `stream "${name}" deletes messages after ${msOf(maxAge)} ms (max_age), and this one would wait for ${waitMs} ms. Raise max_age, or publish the message later`;
  }
  return undefined;
}

function allows({ name, subjects = [], allow_msg_schedules: isAllowed }: StreamConfig): boolean {
  return isAllowed === true && subjects.some((subject) => covers(subject, waitingSubjectsOf(name)));
}

function withWaiting(stream: string, subjects: readonly string[] = []): string[] {
  const own = waitingSubjectsOf(stream);
  return subjects.some((subject) => covers(subject, own)) ? [...subjects] : [...subjects, own];
}

function isOld(version = ''): boolean {
  const [major = NaN, minor = NaN] = version.split('.').map(Number);
  return major < FIRST_VERSION[0] || (major === FIRST_VERSION[0] && minor < FIRST_VERSION[1]);
}

const refused = (topic: string, why: string, retryable = false): TransportError =>
  errorOf('TRANSPORT_CAPABILITY_UNSUPPORTED', `cannot publish to "${topic}" for later: ${why}.`, {
    topic,
    stored: 'no',
    retryable,
  });
