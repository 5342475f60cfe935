import type { BrokerHealth, BrokerHost, OutgoingMessage, Producer, SendResult, SendWindow } from '../contract/index.js';
import { PublishTroubles } from './publish-troubles.js';
import { SendUnderWay, type SendListener } from './send-under-way.js';

/** Messages without a confirmation for this long are reported. */
const UNANSWERED_MS = 5_000;
const LOOK_MS = 1_000;

/**
 * Orders everything that leaves an application through one connection: publishes, dead letters, retry copies, replies,
 * requests and replays. The sends of one topic run one after another, in the order of the calls; a topic that does not
 * answer delays no other (docs/adr/0031-one-ordered-path-per-topic.md). It reports a topic that the broker rejects or
 * does not answer.
 */
export class OrderedProducer implements Producer, SendListener {
  readonly troubles: PublishTroubles;
  readonly #producer: Producer;
  readonly #clock: BrokerHost['clock'];
  readonly #isExplained: () => boolean;
  /** The newest send of each topic that has one under way. */
  readonly #newest = new Map<string, SendUnderWay>();
  #callOffLook: (() => void) | undefined;
  #isClosed = false;

  /** @param health the driver's health */
  constructor(producer: Producer, host: Pick<BrokerHost, 'clock' | 'notices' | 'broker'>, health: () => BrokerHealth) {
    this.#producer = producer;
    this.#clock = host.clock;
    this.#isExplained = () => producer.obstacle !== undefined || health().status === 'down';
    const advice = producer.unansweredAdvice;
    this.troubles = new PublishTroubles({ host, isExplained: this.#isExplained, advice });
  }

  /** One sentence per topic whose messages the broker rejects or does not confirm. */
  get problems(): string[] {
    this.#lookForLate();
    return this.troubles.problems;
  }

  get maxBytes(): number {
    return this.#producer.maxBytes;
  }

  get maxRequestBytes(): number {
    return this.#producer.maxRequestBytes;
  }

  get obstacle(): string | undefined {
    return this.#producer.obstacle;
  }

  check(message: OutgoingMessage): void {
    this.#producer.check(message);
  }

  send(messages: readonly OutgoingMessage[], window?: SendWindow): Promise<readonly SendResult[]> {
    const topic = messages[0]?.topic;
    if (topic === undefined) return Promise.resolve([]);
    return messages.every((message) => message.topic === topic)
      ? this.#sendInTurn(topic, messages, window)
      : this.#sendByTopic(messages, window);
  }

  /** Stops the watch. */
  close(): void {
    this.#isClosed = true;
    this.#callOffLook?.();
  }

  get hasTroubles(): boolean {
    return this.troubles.isAny;
  }

  storedEarly({ topic }: SendUnderWay, partition: number | undefined): void {
    this.troubles.stored(topic, partition);
  }

  wentOn(send: SendUnderWay): void {
    send.isLate = false;
    this.troubles.answered(send.topic);
    this.#lookLater();
  }

  #sendInTurn(
    topic: string,
    messages: readonly OutgoingMessage[],
    window: SendWindow | undefined,
  ): Promise<readonly SendResult[]> {
    const before = this.#newest.get(topic);
    const send = new SendUnderWay(this, topic, messages.length, window, before);
    const results =
      before === undefined ? this.#start(send, messages) : before.ended.then(() => this.#start(send, messages));
    send.ended = results.then(
      (answered) => this.#end(send, answered),
      (cause: unknown) => this.#failed(send, cause),
    );
    this.#newest.set(topic, send);
    return results;
  }

  #start(send: SendUnderWay, messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    send.started(this.#clock.monotonicMs());
    this.#lookLater();
    return this.#producer.send(messages, send.window);
  }

  #end(send: SendUnderWay, results: readonly SendResult[]): void {
    if (!send.isAllStored) this.troubles.note(send.topic, results);
    if (send.isLate) this.troubles.answered(send.topic);
    if (this.#newest.get(send.topic) === send) this.#newest.delete(send.topic);
  }

  #failed(send: SendUnderWay, cause: unknown): void {
    this.troubles.failed(send.topic, cause);
    this.#end(send, []);
  }

  /** Only while a send waits that is not reported yet: a driver that never answers must not keep the process alive. */
  #lookLater(): void {
    if (this.#isClosed) return;
    this.#callOffLook ??= this.#clock.schedule(LOOK_MS, () => {
      this.#callOffLook = undefined;
      if (this.#lookForLate()) this.#lookLater();
    });
  }

  /** Returns whether a send is under way that can become late. */
  #lookForLate(): boolean {
    if (this.#newest.size === 0) return false;
    const nowMs = this.#clock.monotonicMs();
    const onTime = [...this.#newest.values()].map(firstOf).filter((send) => !this.#isLate(send, nowMs));
    return onTime.length > 0;
  }

  #isLate(send: SendUnderWay, nowMs: number): boolean {
    const isLate = send.waitedMs(nowMs) >= UNANSWERED_MS && (send.isLate || !this.#isExplained());
    if (isLate) this.troubles.unanswered(send.topic, send.sinceMs);
    return (send.isLate = isLate);
  }

  async #sendByTopic(
    messages: readonly OutgoingMessage[],
    window: SendWindow | undefined,
  ): Promise<readonly SendResult[]> {
    const results: SendResult[] = [];
    const sendTopic = async (indexes: readonly number[], topic: string): Promise<void> => {
      const answered = await this.#sendInTurn(
        topic,
        indexes.map((index) => messages[index] as OutgoingMessage),
        window && reportingOnly(window, indexes),
      );
      indexes.forEach((index, position) => (results[index] = answered[position] as SendResult));
    };
    await Promise.all([...indexesByTopic(messages)].map(([topic, indexes]) => sendTopic(indexes, topic)));
    return results;
  }
}

/** Returns the send that the driver is working on. */
function firstOf(newest: SendUnderWay): SendUnderWay {
  let first = newest;
  while (first.before !== undefined) first = first.before;
  return first;
}

/** For one topic among several: the next messages are no longer the same for all. */
const reportingOnly = (window: SendWindow, indexes: readonly number[]): SendWindow => ({
  stored: (position, receipt) => window.stored(indexes[position] as number, receipt),
  next: () => [],
});

function indexesByTopic(messages: readonly OutgoingMessage[]): Map<string, number[]> {
  const indexes = new Map<string, number[]>();
  messages.forEach(({ topic }, index) => {
    const known = indexes.get(topic);
    if (known === undefined) indexes.set(topic, [index]);
    else known.push(index);
  });
  return indexes;
}
