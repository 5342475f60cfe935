import { randomBytes } from 'node:crypto';
import type { Broker } from '../../contract/index.js';
import { scriptedFaults, type ScriptedFaultsBroker, type Faults } from '../faults/scripted-faults.js';
import { History } from '../history/history.js';
import { Application, type ApplicationSpec, type SubscriptionSpec } from './application.js';
import { bytesCodec } from './bytes-codec.js';
import { Gate } from './gate.js';
import { Intake, watchIntake } from './intake.js';
import { CONFORMANCE_DEFAULTS, restartableOf, type ConformanceOptions, type RestartableBroker } from './options.js';
import { Watch } from './watch.js';

/**
 * The environment of one conformance case: a broker with its own topic and group, the applications it opens, and the
 * history of what they did. It closes everything it opened.
 */
export class Stage {
  readonly options: ConformanceOptions & typeof CONFORMANCE_DEFAULTS;
  readonly broker: ScriptedFaultsBroker;
  readonly topic: string;
  readonly group: string;
  readonly history = new History();
  readonly watch: Watch;
  /** What passes between driver and consumer. */
  readonly intake = new Intake();
  readonly #applications: Application[] = [];
  readonly #gates: Gate[] = [];
  /** Those that a subscription has made, as "group topic". */
  readonly #groups = new Set<string>();
  #publisher: Promise<Application> | undefined;

  constructor(options: ConformanceOptions, broker: Broker) {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.options = { ...CONFORMANCE_DEFAULTS, ...given } as ConformanceOptions & typeof CONFORMANCE_DEFAULTS;
    this.broker = scriptedFaults(watchIntake(broker, this.intake));
    this.topic = this.newTopic();
    this.group = `members-${randomBytes(6).toString('hex')}`;
    this.watch = new Watch(this.options.deadlineMs, () => this.story());
  }

  get faults(): Faults {
    return this.broker.faults;
  }

  get restartable(): RestartableBroker {
    return restartableOf(this.options);
  }

  newTopic(): string {
    return this.options.topicName?.() ?? `conformance-${randomBytes(6).toString('hex')}`;
  }

  /** An application that is not started yet. */
  prepare(spec: ApplicationSpec = {}, broker: Broker = this.broker): Application {
    const application = new Application(spec, { ...this, broker });
    this.#applications.push(application);
    return application;
  }

  async open(spec: ApplicationSpec = {}): Promise<Application> {
    if (this.broker.capabilities.startFromBeginning === 'unsupported') await this.#makeGroups(spec);
    const application = this.prepare(spec);
    await this.watch.within('an application starts', application.start());
    return application;
  }

  /** Each group once, while its topic is empty: a member that joins later would receive messages. */
  async #makeGroups({ subscriptions = [], publishesTo = [this.topic], groups = [this.group] }: ApplicationSpec) {
    const wanted = publishesTo.flatMap((topic) => groups.map((group) => ({ topic, group })));
    const missing = wanted.filter(({ topic, group }) => !this.#groups.has(`${group} ${topic}`));
    for (const { topic = this.topic, group = this.group } of [...subscriptions, ...wanted]) {
      this.#groups.add(`${group} ${topic}`);
    }
    if (missing.length === 0) return;
    const founder = this.prepare({ subscriptions: missing, publishesTo: [] });
    await this.watch.within('the groups are created', founder.start());
    await founder.close();
  }

  /** An application with one subscription. */
  subscribe(subscription: SubscriptionSpec = {}): Promise<Application> {
    return this.open({ subscriptions: [subscription], publishesTo: [] });
  }

  /** Whether the broker keeps messages for a group whose members are not there. */
  get isKept(): boolean {
    return this.broker.capabilities.atLeastOnce !== 'unsupported';
  }

  /** Publishes, then subscribes, so that the broker has to keep what was published; where it keeps nothing, the other way round. */
  async published<Subscriber>(
    publish: () => Promise<unknown>,
    subscribe: () => Promise<Subscriber>,
  ): Promise<Subscriber> {
    if (this.isKept) await publish();
    const subscriber = await subscribe();
    if (!this.isKept) await publish();
    return subscriber;
  }

  /** Retry options of a case that needs retries, not the broker's redelivery: without redelivery, the process keeps the messages. */
  get ownRetries(): { readonly inProcess?: boolean } {
    return this.broker.capabilities.redelivery === 'unsupported' ? { inProcess: true } : {};
  }

  /** Where messages of the stage's own subscription end that cannot be handled. */
  get deadLetterTopic(): string {
    return `${this.topic}.${this.group}.dead-letter`;
  }

  /** A reader of dead letters that takes their bytes as they are, whatever they say they are. */
  readDeadLetters(topic = this.deadLetterTopic): Promise<Application> {
    const subscription = { topic, group: `${this.group}-reader`, deadLetterTopic: false } as const;
    return this.open({ subscriptions: [subscription], publishesTo: [], codec: bytesCodec });
  }

  /** The application that only publishes; the same one each time. */
  publisher(): Promise<Application> {
    return (this.#publisher ??= this.open());
  }

  /** Something handlers can wait for; it opens by itself when the stage is closed. */
  gate(): Gate {
    const gate = new Gate();
    this.#gates.push(gate);
    return gate;
  }

  until(what: string, condition: () => boolean): Promise<void> {
    return this.watch.until(what, condition);
  }

  /**
   * Waits until everything confirmed is handled, dead-lettered or dropped by every group that was seen. Use it where
   * messages may come twice: a count of settlements would be reached too early.
   */
  async untilNothingIsOwed(): Promise<void> {
    const owed = (): boolean => {
      try {
        this.history.assertNothingLost();
        return false;
      } catch {
        return true;
      }
    };
    // Why ignored: the assertion names the messages that are missing, the wait does not.
    await this.until('everything confirmed is handled', () => !owed()).catch(() => undefined);
    this.history.assertNothingLost();
  }

  /**
   * The order of keys, as far as the broker guarantees it. `'several'`: the messages went to more than one member.
   */
  assertOrderPerKey(members: 'one' | 'several' = 'one'): void {
    const { orderByKey, orderAcrossMembers } = this.broker.capabilities;
    if (orderByKey === 'unsupported' || (members === 'several' && orderAcrossMembers === 'unsupported')) return;
    this.history.assertOrderPerKey();
  }

  /** Values in the order they came, where the broker keeps the order of a key; else sorted, so that they can be compared. */
  inOrder<Value>(values: readonly Value[]): Value[] {
    const keeps = this.broker.capabilities.orderByKey !== 'unsupported';
    return keeps ? [...values] : [...values].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }

  /** Ends whatever is still open. @throws when that takes longer than the deadline, or a handler is still running after it */
  async close(): Promise<void> {
    this.#gates.forEach((gate) => gate.open());
    const closing = Promise.allSettled(this.#applications.map((application) => application.close()));
    const closed = await this.watch.within('all applications close', closing);
    const failed = closed.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const running = this.#applications.reduce((sum, application) => sum + application.running, 0);
    if (running > 0) throw new Error(`${running} handlers still run after their applications were closed.`);
  }

  /** One line on what was seen, for a wait that failed. */
  story(): string {
    const seen = this.#applications.map(({ received, heard, settled, connection }, index) => {
      const names = [...new Set(heard.map(({ name }) => name))].join(', ');
      const { status, problems } = connection.health();
      const health = [status, ...problems].join(', ');
      return `application ${index + 1}: ${received.length} handlers begun, ${settled} messages settled, notices ${names || 'none'}, health ${health}`;
    });
    return `Seen: ${seen.join('; ') || 'no application'}.`;
  }
}
