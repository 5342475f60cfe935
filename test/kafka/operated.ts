import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  Notices,
  Publisher,
  Subscribe,
  TransportHealth,
  type MessageContext,
  type NoticeName,
  type SubscribeOptions,
} from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import type { KafkaCluster } from '../brokers/kafka.mjs';
import { create, rootModule, type App } from '../nest/boot.js';
import { grant, revoke, userLogin, type Right } from './acl.js';
import { createTopic, newTopic, uniqueName, until, type Latch } from './support.js';

/** What counts as saying that something is wrong. */
const ALARMING: readonly NoticeName[] = [
  'broker:unreachable',
  'broker:warned',
  'subscription:crashed',
  'subscription:stalled',
  'subscription:starved',
  'subscription:warned',
  'commit:failed',
  'settlement:failed',
  'message:dead-letter-failed',
  'publish:failed',
];
const PUBLISH_EVERY_MS = 50;
/** Publishes that may wait for their answer; the publisher then rests. */
const MOST_OPEN = 200;
const LOOK_EVERY_MS = 50;
/** Nothing was handled for so long: messages have stopped. */
const STOPPED_MS = 1_000;
/** Generous: a loaded machine with two cores runs three nodes. What is reported is how long it took. */
const PATIENCE_MS = 90_000;
/** The library says within 10 s what is wrong; the machine may be late. */
const REPORT_PATIENCE_MS = 40_000;

/** How an action ended, in seconds. */
interface Row {
  readonly action: string;
  /** Until messages published after the action were handled, of each partition. */
  readonly flowsAfterS: number | undefined;
  /** Until health was not `up` and a notice said why. */
  readonly reportedAfterS: number | undefined;
  /** Until messages were handled, of each partition, that were published after it was put right. */
  readonly repairedAfterS: number | undefined;
}

const rows: Row[] = [];

/** Writes the rows where OPERATOR_TABLE says. */
export function saveRows(): void {
  const file = process.env['OPERATOR_TABLE'];
  if (file === undefined) return;
  const lines = rows.map((row) => `| kafka | ${row.action} | ${outcomeOf(row)} | ${secondsOf(row)} |`);
  writeFileSync(file, ['| broker | action | outcome | seconds |', '|---|---|---|---|', ...lines, ''].join('\n'));
}

const outcomeOf = ({ flowsAfterS, repairedAfterS }: Row): string =>
  `${flowsAfterS === undefined ? 'reported' : 'goes on'}${repairedAfterS === undefined ? '' : '; flows again after the repair'}`;

const secondsOf = ({ flowsAfterS, reportedAfterS, repairedAfterS }: Row): string =>
  [
    flowsAfterS === undefined ? [] : [`${flowsAfterS.toFixed(1)} until messages flow`],
    reportedAfterS === undefined ? [] : [`${reportedAfterS.toFixed(1)} until health and a notice`],
    repairedAfterS === undefined ? [] : [`${repairedAfterS.toFixed(1)} after the repair`],
  ]
    .flat()
    .join(', ');

/** What an operator does, and how it is put right. */
export interface Action {
  readonly act: (scene: Operated) => Promise<unknown>;
  readonly repair?: (scene: Operated) => Promise<unknown>;
  /** Messages have to stop before it is put right, because the action takes a while to have all its effects. @default false */
  readonly stops?: boolean;
  /** It has to be reported although messages may go on. @default false */
  readonly isReported?: boolean;
  /** Messages go with it: those that were confirmed are not all handled. @default false */
  readonly destroys?: boolean;
}

export interface Plan {
  readonly partitions?: number;
  readonly subscribe?: SubscribeOptions;
  /** Every handler fails, so that each message becomes a dead letter. @default false */
  readonly fails?: boolean;
}

/** One application that publishes all the time, and one that handles it, with the rights that the documentation lists. */
export class Operated {
  readonly topic: string;
  readonly group = uniqueName('operated');
  readonly cluster: KafkaCluster;
  readonly #plan: Plan;
  readonly #rights: readonly Right[];
  /** The newest of each partition that was handled. */
  readonly #newest = new Map<number, number>();
  readonly #handled = new Set<number>();
  readonly #confirmed = new Set<number>();
  readonly #alarms: { readonly atMs: number; readonly from: string; readonly text: string }[] = [];
  readonly #closing = new AbortController();
  readonly #healths: TransportHealth[] = [];
  readonly #apps: App[] = [];
  partitions: number;
  /** Handlers wait for it. */
  gate: Latch | undefined;
  #lastAtMs = 0;
  #count = 0;
  #open = 0;
  #publishing: Promise<void> = Promise.resolve();

  private constructor(cluster: KafkaCluster, topic: string, plan: Plan) {
    this.cluster = cluster;
    this.topic = topic;
    this.#plan = plan;
    this.partitions = plan.partitions ?? 3;
    this.#rights = [this.readTopic, this.readGroup, this.writeTopic, this.writeDeadLetters];
  }

  static async start(cluster: KafkaCluster, plan: Plan = {}): Promise<Operated> {
    const topic = await newTopic(plan.partitions ?? 3, {}, cluster.brokers);
    const scene = new Operated(cluster, topic, plan);
    await createTopic(cluster.brokers, scene.deadLetterTopic, 1);
    await grant(cluster.brokers, ...scene.#rights);
    await scene.#boot();
    await scene.untilFlows('at the start');
    return scene;
  }

  get deadLetterTopic(): string {
    return `${this.topic}.${this.group}.dead-letter`;
  }

  get readTopic(): Right {
    return { on: 'TOPIC', name: this.topic, to: ['READ'] };
  }

  get readGroup(): Right {
    return { on: 'GROUP', name: this.group, to: ['READ'] };
  }

  get writeTopic(): Right {
    return { on: 'TOPIC', name: this.topic, to: ['WRITE'] };
  }

  get writeDeadLetters(): Right {
    return { on: 'TOPIC', name: this.deadLetterTopic, to: ['WRITE'] };
  }

  grant(...rights: readonly Right[]): Promise<void> {
    return grant(this.cluster.brokers, ...rights);
  }

  revoke(...rights: readonly Right[]): Promise<void> {
    return revoke(this.cluster.brokers, ...rights);
  }

  async #boot(): Promise<void> {
    const { topic, group } = this;
    const note = (n: number, partition: number): Promise<void> => this.#note(n, partition);
    @Controller()
    class Orders {
      @Subscribe(topic, { group, ...this.#plan.subscribe })
      handle(@Payload() { n }: { n: number }, @Ctx() { partition = 0 }: MessageContext): Promise<void> {
        return note(n, partition);
      }
    }
    await this.#start('consumer', rootModule({ controllers: [Orders] }, this.#transport()));
    const shop = await this.#start('publisher', rootModule({}, this.#transport()));
    this.#publishing = this.#publishOnAndOn(shop.get(Publisher));
  }

  #transport() {
    const { users } = this.cluster;
    const options = { brokers: users, ...userLogin, metadataMaxAgeMs: 2_000, sessionTimeoutMs: 10_000 };
    return { broker: kafka(options), service: this.group, publishing: { publishTimeoutMs: 8_000 }, subscriptions: {} };
  }

  async #start(from: string, root: new () => object): Promise<App> {
    const app = await create('hybrid', root);
    this.#apps.push(app);
    this.#watch(from, app.get(Notices));
    this.#healths.push(app.get(TransportHealth));
    return app.init();
  }

  async #note(n: number, partition: number): Promise<void> {
    await this.gate?.wait();
    this.#newest.set(partition, Math.max(n, this.#newest.get(partition) ?? -1));
    this.#handled.add(n);
    this.#lastAtMs = performance.now();
    if (this.#plan.fails === true) throw new Error('it fails, as planned');
  }

  #watch(from: string, notices: Notices): void {
    for (const name of ALARMING) {
      notices.on(name, (notice) => {
        const { error, warning, reason } = notice as { error?: Error; warning?: string; reason?: string };
        const text = `${name}: ${error?.message ?? warning ?? reason ?? ''}`;
        this.#alarms.push({ atMs: performance.now(), from, text });
      });
    }
  }

  async #publishOnAndOn(publisher: Publisher): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      if (this.#open < MOST_OPEN) void this.#publish(publisher, this.#count++);
      await pause(PUBLISH_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #publish(publisher: Publisher, n: number): Promise<void> {
    this.#open++;
    await publisher.publish(this.topic, { n }, { partition: n % this.partitions }).then(
      () => this.#confirmed.add(n),
      () => undefined,
    );
    this.#open--;
  }

  get #isUp(): boolean {
    return this.#healths.every(({ status }) => status === 'up');
  }

  /** Whether health of one of the two is not `up`, and it has said why. */
  #isReported(sinceMs: number): boolean {
    return !this.#isUp && this.#alarms.some(({ atMs }) => atMs >= sinceMs);
  }

  /** Resolves when messages of each partition are handled that were published from now on; undefined when that takes too long. @returns seconds */
  async #flowsWithin(limitMs: number, isOver = (): boolean => false): Promise<number | undefined> {
    const [startMs, first] = [performance.now(), this.#count];
    const flows = (): boolean =>
      Array.from({ length: this.partitions }, (_, partition) => this.#newest.get(partition) ?? -1).every(
        (n) => n >= first,
      );
    while (performance.now() - startMs < limitMs && !isOver()) {
      if (flows()) return (performance.now() - startMs) / 1_000;
      await pause(LOOK_EVERY_MS);
    }
    return undefined;
  }

  async untilFlows(when: string, limitMs = PATIENCE_MS): Promise<number> {
    const seconds = await this.#flowsWithin(limitMs);
    if (seconds === undefined)
      throw new Error(`Not all partitions were handled ${when} within ${limitMs} ms. ${this.#story()}`);
    return seconds;
  }

  /** Acts, sees that either messages go on or it is said what is wrong, lets it be put right and sees them flow. */
  async expectNeverDeaf(name: string, action: Action): Promise<void> {
    const { repair, destroys = false } = action;
    const startMs = performance.now();
    await action.act(this);
    const seen = await this.#effectOf(action, startMs);
    if (seen.flowsAfterS === undefined && seen.reportedAfterS === undefined)
      throw new Error(`"${name}": messages stopped, and health or notices did not say so. ${this.#story()}`);
    await repair?.(this);
    const repairedAfterS = repair === undefined ? undefined : await this.untilFlows(`after "${name}" was put right`);
    if (seen.flowsAfterS === undefined && repair === undefined) await this.untilFlows(`after "${name}"`);
    await this.#untilWell(name, destroys);
    rows.push({ action: name, ...seen, repairedAfterS });
  }

  async #effectOf({ repair, stops = false, isReported = false }: Action, startMs: number) {
    let reportedAfterS: number | undefined;
    const look = (): boolean => {
      if (this.#isReported(startMs)) reportedAfterS ??= (performance.now() - startMs) / 1_000;
      return reportedAfterS !== undefined;
    };
    const hasStopped = (): boolean => performance.now() - this.#lastAtMs > STOPPED_MS;
    let flowsAfterS: number | undefined;
    if (stops || isReported) {
      const isOver = (): boolean => look() && (isReported || hasStopped());
      await until('it is reported', isOver, REPORT_PATIENCE_MS).catch(() => undefined);
    } else flowsAfterS = await this.#flowsWithin(REPORT_PATIENCE_MS, () => look() && repair !== undefined);
    return { flowsAfterS, reportedAfterS };
  }

  /** Health is `up` again, and everything confirmed was handled. */
  async #untilWell(action: string, destroys: boolean): Promise<void> {
    await this.#end();
    const isDone = (): boolean => destroys || [...this.#confirmed].every((n) => this.#handled.has(n));
    await until('well', () => isDone() && this.#isUp, PATIENCE_MS).catch(() => {
      throw new Error(`"${action}": ${isDone() ? 'health stays low' : 'messages were lost'}. ${this.#story()}`);
    });
  }

  async #end(): Promise<void> {
    this.#closing.abort();
    await this.#publishing;
    await until('all publishes are answered', () => this.#open === 0, PATIENCE_MS);
  }

  /** Puts the rights back, stops publishing and closes, also where a test has failed. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const app of this.#apps.splice(0).reverse()) await app.close();
    await revoke(this.cluster.brokers, ...this.#rights);
  }

  #story(): string {
    const lost = [...this.#confirmed].filter((n) => !this.#handled.has(n)).length;
    const healths = this.#healths.map((health) => JSON.stringify(health.report().brokers[0]?.problems));
    const alarms = this.#alarms.slice(-6).map(({ from, text }) => `${from}: ${text}`);
    const counts = `${this.#count} published, ${this.#confirmed.size} confirmed, ${this.#handled.size} handled, ${lost} confirmed and not handled`;
    const newest = JSON.stringify([...this.#newest]);
    return `${counts}; newest by partition: ${newest}; health (consumer, publisher): ${healths.join(' ')}; notices: ${alarms.join(' | ')}`;
  }
}
