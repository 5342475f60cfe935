import { AsyncLocalStorage } from 'node:async_hooks';
import {
  DEAD_LETTER_HEADERS,
  type Broker,
  type Delivery,
  type NoticeMap,
  type Notices,
  type OutgoingMessage,
} from '../../contract/index.js';
import type { World } from '../../nest/world.js';
import { seededRandom } from '../dice.js';
import { History } from '../history/history.js';
import { ManualClock } from '../manual-clock.js';
import { MessageRecord } from './message-record.js';
import { Readers } from './readers.js';

/** Who publishes: the handler of these messages, or a test that wants to know which record its message got. */
interface Scope {
  readonly world: TestWorld;
  readonly causes: readonly MessageRecord[];
  ticket?: ((record: MessageRecord) => void) | undefined;
}

/**
 * Finds the scope of the running code. There is one storage for the process, because Node attaches every storage that ever ran
 * to every later promise: with one per environment, a thousand fault tests cost a thousand entries a promise.
 * What it holds is never shared: a scope names its world.
 */
const scopes = new AsyncLocalStorage<Scope>();

/** A handler that runs. */
export interface RunningHandler {
  readonly group: string;
  readonly records: readonly MessageRecord[];
}

type Failure = NoticeMap[
  'message:retry-scheduled' | 'message:dropped' | 'message:dead-lettered' | 'message:dead-letter-failed'];

/** What all applications of a test share: time, chance, brokers, and the record of what happened. Never global. */
export class TestWorld implements World {
  readonly clock = new ManualClock();
  readonly random: () => number;
  readonly seed: number;
  readonly readers = new Readers();
  /** The brokers that play those of the applications, by name. */
  readonly brokers = new Map<string, Broker>();
  readonly handlers = new Set<RunningHandler>();
  history = new History();
  records: MessageRecord[] = [];
  /** Requests to a broker that are under way. */
  sends = 0;
  /** Grows with everything that happens. */
  activity = 0;
  readonly #byMessage = new WeakMap<OutgoingMessage, MessageRecord>();
  #byId = new Map<string, MessageRecord[]>();
  readonly #byDelivery = new WeakMap<Delivery, MessageRecord>();
  readonly #startedAt = this.clock.now();
  #latestFailure: Failure | undefined;
  #tellChanged: (() => void)[] = [];

  /** @param hasFaults whether its brokers have faults: failures then contain the seed */
  constructor(
    seed: number,
    readonly hasFaults = false,
  ) {
    this.seed = seed;
    this.random = seededRandom(seed);
  }

  /** How to have the same again, for failures; empty where there is no chance in it. */
  get replayHint(): string {
    return this.hasFaults ? ` Replay it with seed: ${this.seed}.` : '';
  }

  /** Virtual milliseconds since the start. */
  get atMs(): number {
    return this.clock.now() - this.#startedAt;
  }

  /** That of the running code; undefined where it runs for another world, or for none. */
  get #scope(): Scope | undefined {
    const scope = scopes.getStore();
    return scope?.world === this ? scope : undefined;
  }

  get isBusy(): boolean {
    return this.handlers.size > 0 || this.sends > 0;
  }

  /** Something happened. */
  touch(): void {
    this.activity++;
    for (const tell of this.#tellChanged.splice(0)) tell();
  }

  /** Calls once when something happened. */
  onChange(tell: () => void): void {
    this.#tellChanged.push(tell);
  }

  listen(notices: Notices): void {
    const remember = (failure: Failure): void => void (this.#latestFailure = failure);
    notices.on('message:retry-scheduled', remember);
    notices.on('message:dropped', remember);
    notices.on('message:dead-lettered', remember);
    notices.on('message:dead-letter-failed', remember);
    this.#recordSettlements(notices);
  }

  /** The notice about a delivery that came right before its settlement. */
  takeFailure({ id, group }: Delivery): Failure | undefined {
    const failure = this.#latestFailure;
    this.#latestFailure = undefined;
    return failure?.id === id && failure.group === group ? failure : undefined;
  }

  /** Runs a publish of the test and tells which record its message got. */
  async asTest<T>(publish: () => Promise<T>): Promise<MessageRecord> {
    let found: MessageRecord | undefined;
    await scopes.run({ world: this, causes: [], ticket: (record) => (found = record) }, publish);
    if (found === undefined) throw new Error('The publish resolved, but no message went through the test transport.');
    return found;
  }

  /** Runs a handler: what it publishes is caused by its messages. */
  async asHandler<T>(group: string, deliveries: readonly Delivery[], handle: () => Promise<T>): Promise<T> {
    const records = deliveries.flatMap((delivery) => this.recordOf(delivery) ?? []);
    const running = { group, records };
    this.handlers.add(running);
    this.touch();
    try {
      return await scopes.run({ world: this, causes: records }, handle);
    } finally {
      this.handlers.delete(running);
      this.touch();
    }
  }

  /** A message that somebody publishes now. */
  register(broker: string, message: OutgoingMessage): MessageRecord {
    const scope = this.#scope;
    const causes = this.#originalOf(broker, message) ?? scope?.causes ?? [];
    const isRoot = scope?.ticket !== undefined;
    const record = new MessageRecord(broker, message, { causes, isRoot, atMs: this.atMs });
    this.records.push(record);
    this.#byMessage.set(message, record);
    this.#byId.set(message.id, [...this.recordsOf(message.id), record]);
    scope?.ticket?.(record);
    if (scope !== undefined) scope.ticket = undefined;
    if (this.readers.isRead(broker, message.topic)) {
      this.history.add({ what: 'publish', id: message.id, topic: message.topic, key: message.key });
    }
    this.touch();
    return record;
  }

  /** Messages with this id: copies in other topics, and what was published twice. */
  recordsOf(id: string): readonly MessageRecord[] {
    return this.#byId.get(id) ?? [];
  }

  recordOfMessage(message: OutgoingMessage): MessageRecord | undefined {
    return this.#byMessage.get(message);
  }

  /** Compares the message itself if the broker keeps it, as memory does; an id may have been published twice. */
  recordOf(delivery: Delivery): MessageRecord | undefined {
    const known = this.#byDelivery.get(delivery);
    if (known !== undefined) return known;
    const { message } = Object(delivery.raw) as { message?: OutgoingMessage };
    const exact = message === undefined ? undefined : this.#byMessage.get(message);
    const record = exact ?? this.recordsOf(delivery.id).find(({ message: sent }) => sent.topic === delivery.topic);
    if (record !== undefined) this.#byDelivery.set(delivery, record);
    return record;
  }

  /** Forgets what happened so far. */
  forget(): void {
    this.records = [];
    this.#byId = new Map();
    this.history = new History();
  }

  /** The original of a dead letter, which is what caused it. */
  #originalOf(broker: string, { id, headers }: OutgoingMessage): readonly MessageRecord[] | undefined {
    const topic = headers?.[DEAD_LETTER_HEADERS.topic];
    if (topic === undefined) return undefined;
    return this.recordsOf(id).filter((each) => each.broker === broker && each.message.topic === topic);
  }

  /** Does not use `History.recordNotices`, because `forget` starts a new history. */
  #recordSettlements(notices: Notices): void {
    const settled = (how: 'ack' | 'drop' | 'dead-letter') => (notice: NoticeMap['message:acked']) => {
      const { id, group } = notice;
      // For a pattern subscription the notice contains the pattern.
      const topic = this.recordsOf(id)[0]?.message.topic ?? notice.topic;
      this.history.add({ what: 'settled', id, topic, group, how });
    };
    notices.on('message:acked', settled('ack'));
    notices.on('message:dropped', settled('drop'));
    notices.on('message:dead-lettered', settled('dead-letter'));
  }
}
