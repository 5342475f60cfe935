import type { Clock } from '../../../contract/index.js';
import type { QueueInspector } from '../topology/queue-inspector.js';
import type { QueueReader } from './queue-reader.js';
import { pause } from '../../kit/waits.js';

/** A majority that takes longer to write counts as missing. With the pause between two checks it is known within 10 s. */
const ANSWER_MS = 4_000;
/** Pause between two checks for a consumer of the queue. */
const AGAIN_MS = 1_000;

/** Why a queue delivers nothing. */
export interface QueueProblem {
  readonly text: string;
  /** Whether the queue has messages and no consumer, so that consuming it again helps. */
  readonly isForgotten: boolean;
}

/** Finds out why an idle reader receives nothing when its queue cannot deliver. */
export class QueueHealth {
  readonly #clock: Clock;
  readonly #inspector: QueueInspector;
  readonly #ended: AbortSignal;
  #probing: Promise<void> | undefined;

  constructor(clock: Clock, inspector: QueueInspector, ended: AbortSignal) {
    this.#clock = clock;
    this.#inspector = inspector;
    this.#ended = ended;
  }

  /** Undefined when the queue can deliver, or has just delivered. Never rejects. */
  async problem(readers: readonly QueueReader[]): Promise<QueueProblem | undefined> {
    const [reader] = readers;
    if (reader === undefined || reader.holds > 0) return undefined;
    return (await this.#withoutConsumer(reader)) ?? (await this.#withoutMajority(reader));
  }

  /** Checks twice, because a queue has no consumer for a moment during a leader election. */
  async #withoutConsumer({ queue }: QueueReader): Promise<QueueProblem | undefined> {
    if ((await this.#inspector.stateOf(queue))?.consumers !== 0) return undefined;
    await pause(this.#clock, AGAIN_MS, this.#ended);
    const state = await this.#inspector.stateOf(queue);
    if (state?.consumers !== 0) return undefined;
    return {
      text: 'RabbitMQ lists no consumer of it, although this process consumes it',
      isForgotten: state.ready > 0,
    };
  }

  /** Probes with a write, because a remaining leader answers reads without a majority. */
  async #withoutMajority(reader: QueueReader): Promise<QueueProblem | undefined> {
    this.#probing ??= reader.probe().finally(() => (this.#probing = undefined));
    const ended = new AbortController();
    const late = pause(this.#clock, ANSWER_MS, AbortSignal.any([ended.signal, this.#ended])).then(() => true);
    const isLate = await Promise.race([this.#probing.then(() => false), late]);
    ended.abort();
    if (!isLate || this.#ended.aborted) return undefined;
    const text = `RabbitMQ has written nothing to it for ${ANSWER_MS / 1_000} s; a quorum queue needs a majority of its nodes`;
    return { text, isForgotten: false };
  }
}
