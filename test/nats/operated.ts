import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  Notices,
  Publisher,
  Subscribe,
  TransportHealth,
  type NoticeName,
  type TransportModuleOptions,
} from 'nest-transport';
import { nats, type NatsOptions } from 'nest-transport/nats';
import { uniqueName } from '../brokers/names.mjs';
import { create, rootModule, type App } from '../nest/boot.js';

type Side = 'consumer' | 'publisher';

/** What counts as saying that something is wrong. */
const ALARMING: readonly NoticeName[] = [
  'broker:unreachable',
  'broker:warned',
  'subscription:crashed',
  'subscription:stalled',
  'subscription:warned',
  'settlement:failed',
];
const PUBLISH_EVERY_MS = 50;
/** Messages that may wait for their confirm; the publisher then rests. */
const MOST_OPEN = 200;
const LOOK_EVERY_MS = 50;
/** Generous: a loaded machine with two cores runs three servers. What is reported is how long it took. */
const PATIENCE_MS = 60_000;
/** What an action does may be seen a little later: messages that were published after this have to flow. */
const STEADY_MS = 3_000;
/** A confirm that is younger says that messages are stored. */
const STORED_MS = 1_000;
/** After this without messages they count as stopped. */
const STOPPED_MS = 6_000;
/** A longer silence has to be reported. */
const MOST_SILENT_S = 15;
/** The library says within 10 s what is wrong; the machine may be late. */
const REPORT_PATIENCE_MS = 30_000;

/** How an action ended. */
export interface Row {
  readonly action: string;
  /** `repaired`: messages stopped, which was reported, until the operator put it right. */
  readonly outcome: 'goes on' | 'repaired';
  /** The longest time without a handled message. */
  readonly pauseS: number;
  /** Until health was not `up` and a notice said why. */
  readonly reportedAfterS: number | undefined;
  /** Until a message was handled that was published after the operator put it right. */
  readonly repairedAfterS: number | undefined;
}

const rows: Row[] = [];

/** Writes the rows where OPERATOR_TABLE says. */
export function saveRows(): void {
  const file = process.env['OPERATOR_TABLE'];
  if (file === undefined) return;
  const lines = rows.map((row) => `| nats | ${row.action} | ${outcomeOf(row)} | ${secondsOf(row)} |`);
  writeFileSync(file, ['| broker | action | outcome | seconds |', '|---|---|---|---|', ...lines, ''].join('\n'));
}

const outcomeOf = ({ outcome, reportedAfterS }: Row): string => {
  if (outcome === 'repaired') return 'messages stop, reported; flow again after the repair';
  return reportedAfterS === undefined ? 'messages go on' : 'messages go on after a pause, reported';
};

const secondsOf = ({ outcome, pauseS, reportedAfterS, repairedAfterS }: Row): string =>
  [
    outcome === 'repaired' ? [] : [`pause of ${pauseS.toFixed(1)}`],
    reportedAfterS === undefined ? [] : [`reported after ${reportedAfterS.toFixed(1)}`],
    outcome !== 'repaired' || repairedAfterS === undefined
      ? []
      : [`flows ${repairedAfterS.toFixed(1)} after the repair`],
  ]
    .flat()
    .join(', ');

/** What an operator does, and how he puts it right. */
export interface Action {
  readonly act: (scene: Operated) => Promise<unknown>;
  readonly repair?: (scene: Operated) => Promise<unknown>;
  /** Messages go with it: those that were confirmed are not all handled. */
  readonly destroys?: boolean;
  /** Both applications have to report it; else the consumer where messages are stored and not handled, and the publisher where none are stored. */
  readonly stopsBoth?: boolean;
  /** Messages go on, and a notice has to say what is not well all the same. */
  readonly warns?: boolean;
}

/** How the applications of one scene reach the servers. */
export interface Plan {
  readonly publisher: NatsOptions;
  readonly consumer: NatsOptions;
  /** What the consumer subscribes to, relative to the topic. @default the topic itself */
  readonly pattern?: string;
  /** Of the stream that an operator has made. */
  readonly stream?: object;
}

/** One application that publishes all the time, and one that handles it; the stream is the operator's. */
export class Operated {
  readonly service = uniqueName('stock');
  readonly base = uniqueName('operated');
  readonly stream = uniqueName('stream');
  /** Where it publishes now. */
  topic = `${this.base}.a`;
  readonly #plan: Plan;
  /** When each message was published. */
  readonly #publishedMs: number[] = [];
  readonly #handled = new Set<number>();
  readonly #confirmed = new Set<number>();
  readonly #alarms: { readonly atMs: number; readonly from: Side; readonly text: string }[] = [];
  readonly #closing = new AbortController();
  readonly #healths = new Map<Side, TransportHealth>();
  readonly #apps: App[] = [];
  #operator: NatsConnection | undefined;
  #manager: JetStreamManager | undefined;
  #newestHandled = -1;
  #newestConfirmed = -1;
  #confirmedAtMs = 0;
  #handledAtMs = 0;
  #pauseMs = 0;
  #open = 0;
  #publishing: Promise<void> = Promise.resolve();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Whom the consumer logs in as. */
  get user(): string {
    return (this.#plan.consumer.auth as { user?: string } | undefined)?.user ?? '';
  }

  get jsm(): JetStreamManager {
    if (this.#manager === undefined) throw new Error('the scene has not started');
    return this.#manager;
  }

  /** What the client has no method for. */
  async request(subject: string, body: object = {}): Promise<void> {
    const answer = await this.#operator?.request(`$JS.API.${subject}`, JSON.stringify(body), { timeout: 10_000 });
    const { error } = answer?.json<{ error?: { description: string } }>() ?? {};
    if (error !== undefined) throw new Error(`${subject}: ${error.description}`);
  }

  async consumer(): Promise<string> {
    const [info] = await this.jsm.consumers.list(this.stream).next();
    if (info === undefined) throw new Error(`stream "${this.stream}" has no consumer`);
    return info.name;
  }

  async makeStream(): Promise<void> {
    const { stream: config = {} } = this.#plan;
    await this.jsm.streams.add({ name: this.stream, subjects: [this.topic], ...config });
  }

  /** Resolves when messages flow. */
  async start(): Promise<void> {
    const { publisher: shop, consumer: stock, pattern = 'a' } = this.#plan;
    const { user, password } = (shop.auth ?? {}) as { user?: string; password?: string };
    const login = user === undefined ? {} : { user, pass: password ?? '' };
    this.#operator = await connect({ servers: [...shop.servers], name: 'operator', ...login });
    this.#manager = await jetstreamManager(this.#operator);
    await this.makeStream();
    const orders = controllerOf(`${this.base}.${pattern}`, (n) => this.#took(n));
    const transport = { publishing: { publishTimeoutMs: 10_000 } };
    await this.#boot('consumer', [orders], { ...transport, broker: nats(stock), service: this.service });
    const other = { ...transport, broker: nats(shop), service: `${this.service}-shop` };
    const publisher = await this.#boot('publisher', [], other);
    this.#publishing = this.#publishOnAndOn(publisher);
    await this.#untilHandled(0, 'at the start');
  }

  async #boot(side: Side, controllers: (new () => object)[], transport: Partial<TransportModuleOptions>) {
    const app = await create('hybrid', rootModule({ controllers }, transport));
    this.#apps.push(app);
    const notices = app.get(Notices);
    for (const name of ALARMING) {
      notices.on(name, (notice) => {
        const { error, warning, reason } = notice as { error?: Error; warning?: string; reason?: string };
        const text = `${name}: ${error?.message ?? warning ?? reason ?? ''}`;
        this.#alarms.push({ atMs: performance.now(), from: side, text });
      });
    }
    await app.init();
    this.#healths.set(side, app.get(TransportHealth));
    return app.get(Publisher);
  }

  #took(n: number): void {
    const nowMs = performance.now();
    if (this.#handledAtMs > 0) this.#pauseMs = Math.max(this.#pauseMs, nowMs - this.#handledAtMs);
    this.#handledAtMs = nowMs;
    this.#newestHandled = Math.max(this.#newestHandled, n);
    this.#handled.add(n);
  }

  async #publishOnAndOn(publisher: Publisher): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      if (this.#open < MOST_OPEN) void this.#publish(publisher, this.#publishedMs.push(performance.now()) - 1);
      await pause(PUBLISH_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #publish(publisher: Publisher, n: number): Promise<void> {
    this.#open++;
    const isStored = await publisher.publish(this.topic, { n }).then(
      () => true,
      () => false,
    );
    this.#open--;
    if (!isStored) return;
    this.#confirmed.add(n);
    this.#newestConfirmed = Math.max(this.#newestConfirmed, n);
    this.#confirmedAtMs = performance.now();
  }

  /** Whether those who see that messages stop say so: their health is not `up`, and a notice has said why. */
  #isReported(sinceMs: number, stopsBoth: boolean): boolean {
    const isStored = performance.now() - this.#confirmedAtMs < STORED_MS;
    const sides: readonly Side[] = stopsBoth ? ['consumer', 'publisher'] : [isStored ? 'consumer' : 'publisher'];
    return sides.every(
      (side) =>
        this.#healths.get(side)?.status !== 'up' &&
        this.#alarms.some(({ atMs, from }) => from === side && atMs >= sinceMs),
    );
  }

  #publishedSince(ms: number, n: number): boolean {
    return (this.#publishedMs[n] ?? -1) >= ms;
  }

  /** @returns seconds */
  async #untilHandled(sinceMs: number, when: string): Promise<number> {
    const startMs = performance.now();
    while (!this.#publishedSince(sinceMs, this.#newestHandled)) {
      if (performance.now() - startMs > PATIENCE_MS)
        throw new Error(`No message was handled ${when}. ${this.#story()}`);
      await pause(LOOK_EVERY_MS);
    }
    return (performance.now() - startMs) / 1_000;
  }

  /** Acts, sees that either messages go on or it is reported what is wrong, lets it be put right and sees them flow. */
  async expectNeverDeaf(
    action: string,
    { act, repair, destroys = false, stopsBoth = false, warns = false }: Action,
  ): Promise<void> {
    const startMs = performance.now();
    await act(this);
    const actedMs = performance.now();
    this.#pauseMs = 0;
    const flows = (): boolean =>
      [this.#newestHandled, this.#newestConfirmed].every((n) => this.#publishedSince(actedMs + STEADY_MS, n));
    let reportedAfterS: number | undefined;
    const waitMs = (): number => {
      if (repair === undefined) return PATIENCE_MS;
      return reportedAfterS === undefined ? REPORT_PATIENCE_MS : STOPPED_MS;
    };
    const hasWarned = (): boolean => !warns || this.#alarms.some(({ atMs }) => atMs >= startMs);
    while (!(flows() && hasWarned()) && performance.now() - actedMs < waitMs()) {
      if (this.#isReported(startMs, stopsBoth)) reportedAfterS ??= Math.max(0, performance.now() - actedMs) / 1_000;
      await pause(LOOK_EVERY_MS);
    }
    const goesOn = flows();
    if (!hasWarned()) throw new Error(`"${action}" was not reported. ${this.#story()}`);
    const pauseS = this.#pauseMs / 1_000;
    const isDeaf = reportedAfterS === undefined && (!goesOn || pauseS > MOST_SILENT_S);
    if (isDeaf) throw new Error(`"${action}": messages stopped, and this was not reported. ${this.#story()}`);
    await repair?.(this);
    const repairedAfterS =
      repair === undefined ? undefined : await this.#untilHandled(performance.now(), `after "${action}" was put right`);
    if (!goesOn && repair === undefined) throw new Error(`"${action}": messages do not flow again. ${this.#story()}`);
    await this.#untilWell(action, destroys);
    rows.push({ action, outcome: goesOn ? 'goes on' : 'repaired', pauseS, reportedAfterS, repairedAfterS });
  }

  /** Health is `up` again, and everything confirmed was handled. */
  async #untilWell(action: string, destroys: boolean): Promise<void> {
    const isWell = (): boolean => [...this.#healths.values()].every(({ status }) => status === 'up');
    await this.#until(isWell, () => `"${action}": health stays low`);
    await this.#end();
    const isDone = (): boolean => destroys || [...this.#confirmed].every((n) => this.#handled.has(n));
    await this.#until(isDone, () => `"${action}": messages were lost`);
  }

  async #until(isTrue: () => boolean, what: () => string): Promise<void> {
    const untilMs = performance.now() + PATIENCE_MS;
    while (!isTrue()) {
      if (performance.now() > untilMs) throw new Error(`${what()}. ${this.#story()}`);
      await pause(LOOK_EVERY_MS);
    }
  }

  async #end(): Promise<void> {
    this.#closing.abort();
    await this.#publishing;
    while (this.#open > 0) await pause(LOOK_EVERY_MS);
  }

  /** Also where a test has failed. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#apps.splice(0).map((app) => app.close()));
    await this.#operator?.close();
  }

  #story(): string {
    const lost = [...this.#confirmed].filter((n) => !this.#handled.has(n)).length;
    const healths = [...this.#healths].map(
      ([side, health]) => `${side} ${JSON.stringify(health.report().brokers[0]?.problems)}`,
    );
    const alarms = this.#alarms.slice(-6).map(({ from, text }) => `${from}: ${text}`);
    const counts = `${this.#publishedMs.length} published, ${this.#confirmed.size} confirmed, ${this.#handled.size} handled, ${lost} confirmed and not handled`;
    return `${counts}; health: ${healths.join(', ')}; notices: ${alarms.join(' | ')}`;
  }
}

function controllerOf(topic: string, handled: (n: number) => void): new () => object {
  @Controller()
  class Orders {
    @Subscribe(topic, { maxInFlight: 16, deadLetterTopic: false })
    handle(@Payload() { n }: { n: number }): void {
      handled(n);
    }
  }
  return Orders;
}
