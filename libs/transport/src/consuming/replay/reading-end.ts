import { TransportError, type BrokerConnection, type Clock, type Consumption } from '../../contract/index.js';

/** If the driver cannot report where a topic ends: nothing must arrive for this long before the reading is complete. */
const QUIET_MS = 1_000;
/** If the driver knows the end: after nothing has arrived for this long before it, the reading fails. */
const SILENCE_MS = 30_000;
/** How often to check for handlers that still run at the end. */
const LOOK_MS = 20;

/** What a reading needs to detect its end. */
export interface ReadingEndSettings {
  readonly connection: BrokerConnection;
  readonly clock: Clock;
  /** Ends every wait when it aborts. */
  readonly ending: AbortSignal;
  /** The reading as an error names it: `replay of topic "orders" for group "stock"`. */
  readonly what: string;
  readonly topic: string;
}

/**
 * Detects when a broker has delivered everything it has. If the driver reports where the topic ends, only that counts,
 * and silence does not; otherwise one second without a message counts. Silence does not count while the broker is
 * unreachable.
 */
export class ReadingEnd {
  readonly #settings: ReadingEndSettings;
  #heardAt: number;

  constructor(settings: ReadingEndSettings) {
    this.#settings = settings;
    this.#heardAt = settings.clock.monotonicMs();
  }

  /** Called when something arrived. */
  heard(): void {
    this.#heardAt = this.#settings.clock.monotonicMs();
  }

  /**
   * Resolves when everything has arrived and `isDone`, or when `enough` aborts.
   * @throws TransportError `TRANSPORT_READING_INCOMPLETE`, and those of `Consumption.untilEnd`
   */
  async until(consumption: Consumption, isDone: () => boolean, enough?: AbortSignal): Promise<void> {
    const { ending } = this.#settings;
    const over = AbortSignal.any(enough === undefined ? [ending] : [ending, enough]);
    const end = endOf(consumption);
    const limitMs = end === undefined ? QUIET_MS : SILENCE_MS;
    this.heard();
    while (!over.aborted) {
      if (end?.signal.aborted === true) return this.#afterEnd(consumption, end, isDone, over);
      // Running handlers may be why nothing arrives: there is no room for more.
      if (!isDone() || this.#isAway) this.heard();
      const leftMs = this.#heardAt + limitMs - this.#settings.clock.monotonicMs();
      if (leftMs <= 0 && end === undefined) return;
      if (leftMs <= 0) throw this.#incomplete();
      const wake = end === undefined ? over : AbortSignal.any([over, end.signal]);
      await this.#wait(Math.min(leftMs, QUIET_MS), wake);
    }
  }

  /** Otherwise a topic that grows by what its handlers publish would be read forever. */
  async #afterEnd(
    consumption: Consumption,
    { failure }: KnownEnd,
    isDone: () => boolean,
    over: AbortSignal,
  ): Promise<void> {
    if (failure !== undefined) throw failure;
    await consumption.stop();
    while (!over.aborted && !isDone()) await this.#wait(LOOK_MS, over);
  }

  get #isAway(): boolean {
    return this.#settings.connection.health().status === 'down';
  }

  #wait(ms: number, wake: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const goOn = (): void => {
        callOff();
        wake.removeEventListener('abort', goOn);
        resolve();
      };
      const callOff = this.#settings.clock.schedule(ms, goOn);
      if (wake.aborted) goOn();
      else wake.addEventListener('abort', goOn, { once: true });
    });
  }

  #incomplete(): TransportError {
    const { what, topic } = this.#settings;
    return new TransportError(
      'TRANSPORT_READING_INCOMPLETE',
      `The ${what} did not reach the end of the topic: a reachable broker delivered nothing for ${SILENCE_MS / 1_000} seconds. Start it again; it starts from the beginning.`,
      { topic, retryable: true },
    );
  }
}

interface KnownEnd {
  /** Aborts at the end, or when the end cannot be known. */
  readonly signal: AbortSignal;
  failure: Error | undefined;
}

/** undefined: the driver cannot report the end. */
function endOf(consumption: Consumption): KnownEnd | undefined {
  const reached = new AbortController();
  const end: KnownEnd = { signal: reached.signal, failure: undefined };
  const fail = (error: Error): void => {
    end.failure = error;
    reached.abort();
  };
  const untilEnd = consumption.untilEnd?.();
  void untilEnd?.then(() => reached.abort(), fail);
  return untilEnd === undefined ? undefined : end;
}
