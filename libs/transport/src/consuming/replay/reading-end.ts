import { TransportError, type BrokerConnection, type Clock, type Consumption } from '../../contract/index.js';

/** How long nothing may come before everything has been read, where the driver cannot say where a topic ends. */
const QUIET_MS = 1_000;
/** How long nothing may come before the end that the driver knows of: then it will not come, and that is told. */
const SILENCE_MS = 30_000;
/** How often handlers are looked at that still run at the end. */
const LOOK_MS = 20;

/** What a reading needs to know its end. */
export interface ReadingEndSettings {
  readonly connection: BrokerConnection;
  readonly clock: Clock;
  /** Nothing is waited for once it is aborted. */
  readonly ending: AbortSignal;
  /** As an error names it: `replay of topic "orders" for group "stock"`. */
  readonly what: string;
  readonly topic: string;
}

/**
 * Tells when a broker that was asked for all it has has given it. Where the driver says where the topic ends, that is it, and
 * silence ends nothing; elsewhere it is a second in which nothing came. While the broker is away silence says nothing: it has
 * to be back.
 */
export class ReadingEnd {
  readonly #settings: ReadingEndSettings;
  #heardAt: number;

  constructor(settings: ReadingEndSettings) {
    this.#settings = settings;
    this.#heardAt = settings.clock.monotonicMs();
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = this.#settings.clock.monotonicMs();
  }

  /**
   * Resolves when everything has come and `isDone`, or when `enough` is aborted.
   * @throws TransportError `TRANSPORT_READING_INCOMPLETE`, and what `Consumption.untilEnd` says
   */
  async until(consumption: Consumption, isDone: () => boolean, enough?: AbortSignal): Promise<void> {
    const { ending } = this.#settings;
    const over = AbortSignal.any(enough === undefined ? [ending] : [ending, enough]);
    const end = endOf(consumption);
    const limitMs = end === undefined ? QUIET_MS : SILENCE_MS;
    this.heard();
    while (!over.aborted) {
      if (end?.signal.aborted === true) return this.#afterEnd(consumption, end, isDone, over);
      // n.b. what still runs may be why nothing comes: there is no room for more.
      if (!isDone() || this.#isAway) this.heard();
      const leftMs = this.#heardAt + limitMs - this.#settings.clock.monotonicMs();
      if (leftMs <= 0 && end === undefined) return;
      if (leftMs <= 0) throw this.#incomplete();
      const wake = end === undefined ? over : AbortSignal.any([over, end.signal]);
      await this.#wait(Math.min(leftMs, QUIET_MS), wake);
    }
  }

  /** n.b. a topic that grows by what its handlers publish would otherwise be read for ever. */
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
      `The ${what} did not come to the end of the topic: for ${SILENCE_MS / 1_000} seconds nothing came from a broker that is there. Start it again; it begins anew.`,
      { topic, retryable: true },
    );
  }
}

interface KnownEnd {
  /** Aborted at the end, or when it cannot be known. */
  readonly signal: AbortSignal;
  failure: Error | undefined;
}

/** undefined: the driver cannot say. */
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
