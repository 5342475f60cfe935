import { fieldOf, isA, TransportError, type Clock, type Delivery } from '../../contract/index.js';
import { classifySafely, type Classifier } from '../retry/classification.js';
import type { ResolvedRetryOptions } from '../retry/retry-options.js';
import type { BatchOptions } from './batch-options.js';
import type { HandlerCalls } from './handler-calls.js';
import { decide } from './verdict.js';
import type { Handler, RestOfWork } from './handler.js';
import type { Route } from './route.js';

/**
 * A handler of many messages. It returns nothing when all are done, or an outcome for each, in their order: an `Error` (or
 * a rejected `PromiseSettledResult`, as `Promise.allSettled` gives it) is the failure of that message alone. When it
 * throws, every message of the batch has failed with that error; before that error ends messages, they are handled in smaller batches, down
 * to one message, so that it ends only those that it is about.
 */
export type BatchHandler = (payloads: readonly unknown[], deliveries: readonly Delivery[]) => unknown;

/** Whether a failure would be the end of a message: a dead letter, or dropped. */
type EndsMessage = (error: unknown, delivery: Delivery) => boolean;

interface Gathered {
  readonly payload: unknown;
  readonly delivery: Delivery;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Gathers single messages for a handler that takes many, and tells each what became of it. To the runner it is a handler
 * like any other, so retry, order, dead letter and settlement stay what they are, message by message.
 */
export class BatchCollector {
  readonly #handle: BatchHandler;
  readonly #options: Required<BatchOptions>;
  readonly #batchesAtOnce: number;
  readonly #clock: Clock;
  readonly #restOf: RestOfWork | undefined;
  readonly #endsMessage: EndsMessage;
  readonly #calls: HandlerCalls | undefined;
  #gathered: Gathered[] = [];
  #running = 0;
  #isDue = false;
  #isHurried = false;
  #isEnding = false;
  #callOff: (() => void) | undefined;

  constructor(
    handle: BatchHandler,
    options: Required<BatchOptions>,
    batchesAtOnce: number,
    clock: Clock,
    restOf?: RestOfWork,
    endsMessage: EndsMessage = () => false,
    calls?: HandlerCalls,
  ) {
    this.#handle = handle;
    this.#options = options;
    this.#batchesAtOnce = batchesAtOnce;
    this.#clock = clock;
    this.#restOf = restOf;
    this.#endsMessage = endsMessage;
    this.#calls = calls;
  }

  /** Resolves when the message's batch was handled, and its own outcome is good. */
  readonly collect: Handler = (payload, delivery) =>
    new Promise<void>((resolve, reject) => {
      this.#gathered.push({ payload, delivery, done: resolve, failed: reject });
      this.#callOff ??= this.#clock.schedule(this.#options.maxWaitMs, () => this.#due());
      this.#handOver();
    });

  /** What is gathered waits for no more. */
  hurry(): void {
    this.#isHurried = true;
    this.#handOver();
  }

  /** Nothing waits for more from now on, what is still to come neither. */
  end(): void {
    this.#isEnding = true;
    this.#handOver();
  }

  #due(): void {
    this.#isDue = this.#gathered.length > 0;
    this.#handOver();
  }

  #handOver(): void {
    while (this.#running < this.#batchesAtOnce && this.#isReady()) {
      void this.#run(this.#gathered.splice(0, this.#options.maxMessages));
      this.#wait();
    }
    if (this.#gathered.length === 0) this.#isHurried = false;
  }

  #isReady(): boolean {
    const { length } = this.#gathered;
    const waitsNoMore = this.#isDue || this.#isHurried || this.#isEnding;
    return length >= this.#options.maxMessages || (waitsNoMore && length > 0);
  }

  /** Those that are left begin to wait anew. */
  #wait(): void {
    this.#isDue = false;
    this.#callOff?.();
    this.#callOff =
      this.#gathered.length === 0 ? undefined : this.#clock.schedule(this.#options.maxWaitMs, () => this.#due());
  }

  async #run(gathered: readonly Gathered[]): Promise<void> {
    this.#running++;
    await this.#handleAll(gathered);
    this.#running--;
    this.#handOver();
  }

  async #handleAll(gathered: readonly Gathered[]): Promise<void> {
    // n.b. somebody else gets what was revoked meanwhile; the runner ignores whatever is said of it here.
    const batch = gathered.filter(({ delivery }) => delivery.state !== 'revoked');
    for (const { delivery, done } of gathered) if (delivery.state === 'revoked') done();
    if (batch.length === 0) return;
    const outcomes = await this.#tracked(batch).catch((error: unknown) => this.#failed(batch, error));
    // n.b. over the batch: the outcomes may be an array with holes.
    if (outcomes !== undefined) batch.forEach((each, index) => tell(each, outcomes[index]));
  }

  /**
   * The handler failed for all of a batch: a pipe that rejects one payload, or an error of one message that nobody caught. Those that the
   * error would end are handled again in halves; the others are tried again anyway.
   */
  async #failed(batch: readonly Gathered[], error: unknown): Promise<void> {
    const isEnding = ({ delivery }: Gathered): boolean => batch.length > 1 && this.#endsMessage(error, delivery);
    const ending = batch.filter(isEnding);
    for (const each of batch) if (!ending.includes(each)) each.failed(error);
    const middle = Math.ceil(ending.length / 2);
    await this.#handleAll(ending.slice(0, middle));
    await this.#handleAll(ending.slice(middle));
  }

  #tracked(batch: readonly Gathered[]): Promise<readonly unknown[]> {
    if (!this.#calls?.isTracked) return this.#outcomes(batch);
    return this.#calls.track(batch.length, () => this.#outcomes(batch));
  }

  async #outcomes(batch: readonly Gathered[]): Promise<readonly unknown[]> {
    const payloads = batch.map(({ payload }) => payload);
    const deliveries = batch.map(({ delivery }) => delivery);
    const result = await this.#handle(payloads, deliveries);
    const rest = this.#restOf?.(result);
    if (rest !== undefined) await rest;
    if (result === undefined || rest !== undefined) return [];
    if (Array.isArray(result) && result.length === batch.length) return result;
    throw new TransportError(
      'TRANSPORT_BATCH_RESULT_INVALID',
      `A batch handler returned ${describe(result)} for ${batch.length} messages of topic "${deliveries[0]?.topic}". Return nothing when all are done, or an array with an outcome for each, in their order: undefined, or an Error.`,
    );
  }
}

function failureIn(outcome: unknown): { readonly error: unknown } | undefined {
  if (isA(outcome, Error)) return { error: outcome };
  return fieldOf(outcome, 'status') === 'rejected' ? { error: fieldOf(outcome, 'reason') } : undefined;
}

function tell({ done, failed }: Gathered, outcome: unknown): void {
  const failure = failureIn(outcome);
  if (failure === undefined) done();
  else failed(failure.error);
}

const describe = (result: unknown): string =>
  Array.isArray(result) ? `an array of ${result.length}` : `a value that is no array (${typeof result})`;

interface BatchedOptions {
  readonly batch?: Required<BatchOptions>;
  readonly concurrency: number;
  readonly retry: ResolvedRetryOptions;
}

interface BatchTools {
  readonly restOf?: RestOfWork | undefined;
  readonly classify?: Classifier | undefined;
  readonly calls?: HandlerCalls | undefined;
}

/** The same routes, with their handlers behind collectors where batches are asked for. */
export function batched(
  routes: readonly Route[],
  { batch, concurrency, retry }: BatchedOptions,
  clock: Clock,
  { restOf, classify, calls }: BatchTools,
): { readonly routes: readonly Route[]; readonly collectors: readonly BatchCollector[] } {
  if (batch === undefined) return { routes, collectors: [] };
  const endsMessage: EndsMessage = (error, { attempt }) =>
    decide(classifySafely(error, classify, retry.neverFor), attempt, retry, 0).kind !== 'retry';
  // n.b. the handler of a batch is called with arrays; its type was checked where it was written.
  const collectorOf = ({ handle }: Route): BatchCollector =>
    new BatchCollector(handle as unknown as BatchHandler, batch, concurrency, clock, restOf, endsMessage, calls);
  const collectors = routes.map(collectorOf);
  const collected = routes.map((route, index) => ({ ...route, handle: (collectors[index] as BatchCollector).collect }));
  return { routes: collected, collectors };
}
