import type { BrokerHost, Consumption } from '../../contract/index.js';

/** How often idle subscriptions are compared. Two looks and an answer take less than the 10 seconds that the documentation promises. */
const LOOK_MS = 3_000;

/** What the watch sees of one subscription. */
export interface WatchedSubscription {
  readonly topic: string;
  readonly group: string;
  /** Deliveries that came so far. */
  readonly received: number;
  /** Whether another delivery would be taken at once. */
  readonly hasRoom: boolean;
}

interface Look {
  readonly received: number;
  readonly waiting: number;
}

/**
 * Compares what the broker says is waiting with what arrives. A subscription that has room, and receives nothing from one look to the
 * next although messages wait for it all the time, is starved: health is `degraded`, and a notice says so, until a message arrives
 * or none waits any more. What the driver does not know changes nothing: `undefined`, an answer that fails, or none at all.
 */
export class StarvationWatch {
  readonly #host: BrokerHost;
  readonly #watched: readonly WatchedSubscription[];
  /** Deliveries that had come at the look before, by place. */
  readonly #receivedBefore: number[];
  /** Those with messages waiting and nothing received, by place. */
  readonly #suspected = new Map<number, Look>();
  readonly #starved = new Map<number, Look>();
  #callOff: (() => void) | undefined;
  #isAsking = false;
  #isOver = false;

  constructor(host: BrokerHost, watched: readonly WatchedSubscription[]) {
    this.#host = host;
    this.#watched = watched;
    this.#receivedBefore = watched.map(() => -1);
  }

  /** Looks every few seconds until `end`. Does nothing where the driver cannot say what waits. */
  begin(consumption: Pick<Consumption, 'waiting'>): void {
    if (consumption.waiting === undefined || this.#watched.length === 0 || this.#isOver) return;
    this.#callOff = this.#host.clock.schedule(LOOK_MS, () => {
      this.begin(consumption);
      void this.#look(consumption);
    });
  }

  end(): void {
    this.#isOver = true;
    this.#callOff?.();
    this.#starved.clear();
  }

  /** One sentence where a subscription is starved; undefined for the others. */
  problemOf(topic: string, group: string): string | undefined {
    const place = this.#watched.findIndex((each) => each.topic === topic && each.group === group);
    const look = this.#starved.get(place);
    if (look === undefined || this.#watched[place]?.received !== look.received) return undefined;
    return `"${topic}" (group "${group}") receives nothing, although the broker holds ${look.waiting} messages for it.`;
  }

  async #look(consumption: Pick<Consumption, 'waiting'>): Promise<void> {
    const idle = this.#idle();
    if (idle.length === 0 || this.#isAsking) return;
    const received = this.#watched.map((each) => each.received);
    const counts = await this.#ask(consumption);
    if (this.#isOver) return;
    for (const place of idle) this.#judge(place, counts[place], received[place] ?? 0);
  }

  /** A driver whose answer fails, or never comes, must not end the watch. */
  async #ask(consumption: Pick<Consumption, 'waiting'>): Promise<readonly (number | undefined)[]> {
    this.#isAsking = true;
    try {
      return (await consumption.waiting?.()) ?? [];
    } catch {
      return [];
    } finally {
      this.#isAsking = false;
    }
  }

  /** Places of those that received nothing since the look before, and would have taken it. */
  #idle(): readonly number[] {
    return this.#watched.flatMap((each, place) => {
      const before = this.#receivedBefore[place];
      this.#receivedBefore[place] = each.received;
      if (each.received === before && each.hasRoom) return [place];
      this.#suspected.delete(place);
      if (each.received !== before) this.#recover(place);
      return [];
    });
  }

  /** @param received deliveries that had come when the driver was asked */
  #judge(place: number, waiting: number | undefined, received: number): void {
    if (waiting === undefined) return;
    if (waiting === 0 || received !== this.#watched[place]?.received) {
      this.#suspected.delete(place);
      return this.#recover(place);
    }
    const look = { received, waiting };
    if (this.#suspected.has(place)) this.#starve(place, look);
    this.#suspected.set(place, look);
  }

  #starve(place: number, look: Look): void {
    const isNew = !this.#starved.has(place);
    this.#starved.set(place, look);
    if (isNew) this.#host.notices.emit('subscription:starved', { ...this.#about(place), waiting: look.waiting });
  }

  #recover(place: number): void {
    if (this.#starved.delete(place)) this.#host.notices.emit('subscription:receiving', this.#about(place));
  }

  #about(place: number): { readonly broker: string; readonly topic: string; readonly group: string } {
    const { topic = '', group = '' } = this.#watched[place] ?? {};
    return { broker: this.#host.broker, topic, group };
  }
}
