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
  type TransportModuleOptions,
} from 'nest-transport';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { create, rootModule, type App } from '../nest/boot.js';
import type { OperatorTable } from './table.js';

type Side = 'consumer' | 'publisher';

/** What counts as saying that something is wrong. */
const ALARMING: readonly NoticeName[] = [
  'broker:unreachable',
  'broker:warned',
  'subscription:crashed',
  'partition:stalled',
  'subscription:starved',
  'subscription:warned',
  'commit:failed',
  'settlement:failed',
  'message:dead-letter-failed',
];
const PUBLISH_EVERY_MS = 50;
/** Messages that may wait for their confirm; the publisher then rests. */
const MOST_OPEN = 200;
const LOOK_EVERY_MS = 50;
/** Generous: a loaded machine with two cores runs three servers. What is reported is how long it took. */
const PATIENCE_MS = 90_000;
/** The library says within 10 s what is wrong; the machine may be late. */
const REPORT_PATIENCE_MS = 40_000;
/** A confirm, or a handled message, that is younger says that messages flow. */
const RECENT_MS = 1_000;

/** What an operator does, and how he puts it right. */
export interface Action<Scene> {
  readonly act: (scene: Scene) => Promise<unknown>;
  readonly repair?: (scene: Scene) => Promise<unknown>;
  /** Messages go with it: those that were confirmed are not all handled. @default false */
  readonly destroys?: boolean;
  /** Messages have to stop before it is put right, because the action takes a while to have all its effects. @default false */
  readonly stops?: boolean;
  /** It has to be reported although messages may go on. @default false */
  readonly isReported?: boolean;
  /** Messages go on, and a notice has to say what is not well all the same. @default false */
  readonly warns?: boolean;
  /** Both applications have to report it. @default false */
  readonly stopsBoth?: boolean;
}

/** How a broker's scene is judged. */
export interface Judgement {
  /** What an action does may be seen a little later: messages that were published after this have to flow. */
  readonly steadyMs: number;
  /** Messages that did not flow by then have stopped: it is put right once it is reported. */
  readonly stoppedMs: number;
  /** A longer silence has to be reported. */
  readonly mostSilentS: number;
}

/** What was seen of an action before it was put right. */
interface Seen {
  readonly goesOn: boolean;
  readonly pauseS: number;
  readonly reportedAfterS: number | undefined;
}

/** One application that publishes all the time, and one that handles it, while an operator works at the broker. */
export abstract class Operated {
  abstract readonly topic: string;
  readonly service = uniqueName('stock');
  readonly #table: OperatorTable;
  readonly #judgement: Judgement;
  /** When each message was published. */
  readonly #publishedMs: number[] = [];
  readonly #handled = new Set<number>();
  readonly #confirmed = new Set<number>();
  readonly #alarms: { readonly atMs: number; readonly from: Side; readonly text: string }[] = [];
  readonly #closing = new AbortController();
  readonly #healths = new Map<Side, TransportHealth>();
  readonly #apps: App[] = [];
  #newestHandled = -1;
  #newestConfirmed = -1;
  #confirmedAtMs = 0;
  #handledAtMs = 0;
  #pauseMs = 0;
  #open = 0;
  #publishing: Promise<void> = Promise.resolve();

  constructor(table: OperatorTable, judgement: Judgement) {
    this.#table = table;
    this.#judgement = judgement;
  }

  /** Publishes the n-th message. */
  protected publish(publisher: Publisher, n: number): Promise<unknown> {
    return publisher.publish(this.topic, { n });
  }

  /** The n-th message came to its handler. */
  protected took(n: number, _partition: number | undefined): void | Promise<void> {
    const nowMs = performance.now();
    if (this.#handledAtMs > 0) this.#pauseMs = Math.max(this.#pauseMs, nowMs - this.#handledAtMs);
    this.#handledAtMs = nowMs;
    this.#newestHandled = Math.max(this.#newestHandled, n);
    this.#handled.add(n);
  }

  /** Whether messages are stored and handled that were published after this. */
  protected flowsSince(ms: number): boolean {
    return [this.#newestHandled, this.#newestConfirmed].every((n) => this.publishedSince(ms, n));
  }

  /** Whether those who see that messages stop say so: the consumer where they are stored and not handled, the publisher where none are stored. */
  protected isReported(sinceMs: number, stopsBoth: boolean): boolean {
    const isStored = performance.now() - this.#confirmedAtMs < RECENT_MS;
    if (stopsBoth) return this.says('consumer', sinceMs) && this.says('publisher', sinceMs);
    return this.says(isStored ? 'consumer' : 'publisher', sinceMs);
  }

  /** Its health is not `up`, and a notice has said why. */
  protected says(side: Side, sinceMs: number): boolean {
    const isUp = this.#healths.get(side)?.status === 'up';
    return !isUp && this.#alarms.some(({ atMs, from }) => from === side && atMs >= sinceMs);
  }

  protected publishedSince(ms: number, n: number): boolean {
    return (this.#publishedMs[n] ?? -1) >= ms;
  }

  /** No message was handled for a second. */
  get hasStopped(): boolean {
    return performance.now() - this.#handledAtMs > RECENT_MS;
  }

  /** Starts both applications. Resolves when messages flow. @param subscribed what the consumer subscribes to */
  protected async boot(
    subscribed: string,
    subscribe: SubscribeOptions,
    consumer: Partial<TransportModuleOptions>,
    publisher: Partial<TransportModuleOptions>,
  ): Promise<void> {
    const orders = controllerOf(subscribed, subscribe, (n, partition) => this.took(n, partition));
    await this.#start('consumer', [orders], { service: this.service, ...consumer });
    const shop = await this.#start('publisher', [], { service: `${this.service}-shop`, ...publisher });
    this.#publishing = this.#publishOnAndOn(shop);
    await this.untilFlows('at the start');
  }

  async #start(side: Side, controllers: (new () => object)[], transport: Partial<TransportModuleOptions>) {
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

  async #publishOnAndOn(publisher: Publisher): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      if (this.#open < MOST_OPEN) void this.#publishNext(publisher, this.#publishedMs.push(performance.now()) - 1);
      await pause(PUBLISH_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #publishNext(publisher: Publisher, n: number): Promise<void> {
    this.#open++;
    const isStored = await this.publish(publisher, n).then(
      () => true,
      () => false,
    );
    this.#open--;
    if (!isStored) return;
    this.#confirmed.add(n);
    this.#newestConfirmed = Math.max(this.#newestConfirmed, n);
    this.#confirmedAtMs = performance.now();
  }

  /** Resolves when messages flow that are published from now on. @returns seconds */
  async untilFlows(when: string): Promise<number> {
    const startMs = performance.now();
    await this.#until(
      () => this.flowsSince(startMs),
      () => `No message was handled ${when}`,
    );
    return (performance.now() - startMs) / 1_000;
  }

  /** Acts, sees that either messages go on or it is reported what is wrong, lets it be put right and sees them flow. */
  async expectNeverDeaf(name: string, action: Action<this>): Promise<void> {
    const { repair, destroys = false } = action;
    const startMs = performance.now();
    await action.act(this);
    const seen = await this.#effectOf(name, action, startMs);
    const { goesOn, pauseS, reportedAfterS } = seen;
    const isSilent = !goesOn || action.isReported === true || pauseS > this.#judgement.mostSilentS;
    if (isSilent && reportedAfterS === undefined)
      throw new Error(`"${name}": messages stopped, and this was not reported. ${this.#story()}`);
    await repair?.(this);
    const repairedAfterS = repair === undefined ? undefined : await this.untilFlows(`after "${name}" was put right`);
    if (!goesOn && repair === undefined) throw new Error(`"${name}": messages do not flow again. ${this.#story()}`);
    await this.#untilWell(name, destroys);
    this.#table.add(name, outcomeOf(seen), secondsOf(seen, repairedAfterS));
  }

  async #effectOf(name: string, action: Action<this>, startMs: number): Promise<Seen> {
    const { stops = false, isReported = false, warns = false, stopsBoth = false } = action;
    const actedMs = performance.now();
    this.#pauseMs = 0;
    let reportedAfterS: number | undefined;
    const hasWarned = (): boolean => !warns || this.#alarms.some(({ atMs }) => atMs >= startMs);
    const goesOn = (): boolean =>
      !stops && (!isReported || reportedAfterS !== undefined) && this.flowsSince(actedMs + this.#judgement.steadyMs);
    while (!(goesOn() && hasWarned()) && performance.now() - actedMs < this.#waitMs(action, reportedAfterS)) {
      if (this.isReported(startMs, stopsBoth)) reportedAfterS ??= (performance.now() - actedMs) / 1_000;
      await pause(LOOK_EVERY_MS);
    }
    if (!hasWarned()) throw new Error(`"${name}" was not reported. ${this.#story()}`);
    return { goesOn: goesOn(), pauseS: this.#pauseMs / 1_000, reportedAfterS };
  }

  /** How long an action may take to have its effect. */
  #waitMs({ repair, stops = false }: Action<this>, reportedAfterS: number | undefined): number {
    if (repair === undefined) return PATIENCE_MS;
    if (reportedAfterS === undefined || (stops && !this.hasStopped)) return REPORT_PATIENCE_MS;
    return this.#judgement.stoppedMs;
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

  /** Stops publishing and closes, also where a test has failed. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#apps.splice(0).map((app) => app.close()));
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

const outcomeOf = ({ goesOn, reportedAfterS }: Seen): string => {
  if (!goesOn) return 'stops, reported; goes on after the repair';
  return reportedAfterS === undefined ? 'messages go on' : 'messages go on, reported';
};

const secondsOf = ({ goesOn, pauseS, reportedAfterS }: Seen, repairedAfterS: number | undefined): string => {
  const seconds = goesOn ? [pauseS, reportedAfterS] : [reportedAfterS, repairedAfterS];
  return seconds.flatMap((each) => each?.toFixed(1) ?? []).join(' / ');
};

function controllerOf(
  topic: string,
  options: SubscribeOptions,
  took: (n: number, partition: number | undefined) => void | Promise<void>,
): new () => object {
  @Controller()
  class Orders {
    @Subscribe(topic, options)
    handle(@Payload() { n }: { n: number }, @Ctx() { partition }: MessageContext): void | Promise<void> {
      return took(n, partition);
    }
  }
  return Orders;
}
