import { StockRejected, StockReserved } from '@demo/contracts';
import type { NoticeMap, Notices } from 'nest-transport';

type DeadLettered = NoticeMap['message:dead-lettered'];

export interface SettlementGoal {
  /** Orders whose outcome must have reached the order service. */
  readonly orderIds: readonly string[];
  readonly deadLetters: number;
}

/** Listens to both services and knows when there is nothing left to wait for. */
export class SettlementWatch {
  readonly #decided = new Set<string>();
  readonly #deadLettered = new Map<string, DeadLettered>();
  readonly #retried = new Set<string>();
  readonly #stopListening: (() => void)[] = [];
  #onChange = (): void => undefined;

  constructor(
    orders: Notices,
    inventory: Notices,
    private readonly onProgress: (decided: number) => void,
  ) {
    const outcomes: readonly string[] = [StockReserved.topic, StockRejected.topic];
    this.#listen(orders, 'message:acked', ({ topic, key }) => {
      if (key !== undefined && outcomes.includes(topic)) this.#decide(key);
    });
    for (const notices of [orders, inventory]) {
      this.#listen(notices, 'message:retry-scheduled', ({ topic, id }) => this.#retried.add(`${topic} ${id}`));
      this.#listen(notices, 'message:dead-lettered', (notice) => {
        this.#deadLettered.set(`${notice.topic} ${notice.id}`, notice);
      });
    }
  }

  /** Messages that were tried more than once. */
  get retried(): number {
    return this.#retried.size;
  }

  /** The topics that got dead letters, with the number each should hold. */
  get deadLetterTopics(): ReadonlyMap<string, number> {
    const topics = new Map<string, number>();
    for (const { deadLetterTopic } of this.#deadLettered.values()) {
      topics.set(deadLetterTopic, (topics.get(deadLetterTopic) ?? 0) + 1);
    }
    return topics;
  }

  /**
   * Resolves with true when the goal is reached, and with false when nothing at all happened for `idleMs`: what is
   * missing then is for the invariants to say.
   */
  async reached(goal: SettlementGoal, idleMs: number, abort: AbortSignal): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const isReached = await new Promise<boolean>((resolve) => {
      const giveUp = (): void => resolve(false);
      this.#onChange = () => {
        clearTimeout(timer);
        if (this.#isReached(goal)) resolve(true);
        else timer = setTimeout(giveUp, idleMs);
      };
      abort.addEventListener('abort', giveUp, { once: true });
      if (abort.aborted) giveUp();
      else this.#onChange();
    });
    clearTimeout(timer);
    this.#onChange = () => undefined;
    return isReached;
  }

  close(): void {
    for (const stop of this.#stopListening.splice(0)) stop();
  }

  #listen<Name extends keyof NoticeMap>(notices: Notices, name: Name, hear: (notice: NoticeMap[Name]) => void): void {
    this.#stopListening.push(
      notices.on(name, (notice) => {
        hear(notice);
        this.#onChange();
      }),
    );
  }

  #decide(orderId: string): void {
    if (this.#decided.has(orderId)) return;
    this.#decided.add(orderId);
    this.onProgress(this.#decided.size);
  }

  #isReached({ orderIds, deadLetters }: SettlementGoal): boolean {
    return this.#deadLettered.size >= deadLetters && orderIds.every((orderId) => this.#decided.has(orderId));
  }
}
