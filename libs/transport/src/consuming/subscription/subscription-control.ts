import type { Notices } from '../../contract/index.js';
import type { SubscriptionRunner } from '../runner/runner.js';
import type { ReplayReport, ReplayWindow } from '../replay/window-replay.js';

/** Pauses and resumes one subscription of this process while it runs. Other members of the group go on. */
export interface SubscriptionControl {
  readonly topic: string;
  readonly group: string;
  /** Messages with the subscription that are not settled. */
  readonly inFlight: number;
  /** Why it is paused, oldest reason first; empty while it runs. A policy may have paused it too. */
  readonly pauseReasons: readonly string[];
  /**
   * Begins no handler and takes no message until `resume`. Messages already taken stay unsettled, and with this member.
   * Resolves when the handlers that run have ended; where one of them calls it, when the others have. A batch that is being gathered is handed over at once, and counts as one that
   * runs. A second pause changes the reason.
   * @param reason for logs and health
   */
  pause(reason: string): Promise<void>;
  /**
   * Hands the messages of a time window to the handlers once more, as a group of its own: the position of the live group is
   * not touched, and the live subscription goes on beside it. Resolves when all are settled: up to the end that the topic has now
   * where the driver knows it (Kafka, memory), elsewhere (NATS) until none has come for a second.
   * @throws TransportError `TRANSPORT_CAPABILITY_UNSUPPORTED` where the broker cannot start at a moment; `TRANSPORT_CLOSED` when the
   *   application ends before the replay does; `TRANSPORT_READING_INCOMPLETE` when a broker that is there gives nothing for 30
   *   seconds before that end
   */
  replay(window: ReplayWindow): Promise<ReplayReport>;
  /** Ends the pause that `pause` began; those of policies stay. */
  resume(): void;
}

interface Controlled {
  readonly broker: string;
  readonly topic: string;
  readonly group: string;
}

/** What a control needs beside its runner. */
interface Surroundings {
  readonly replay: (window: ReplayWindow) => Promise<ReplayReport>;
  /** Hands over what waits for a batch to be full. */
  readonly hurry: () => void;
}

export class RunnerControl implements SubscriptionControl {
  readonly topic: string;
  readonly group: string;
  readonly replay: (window: ReplayWindow) => Promise<ReplayReport>;
  readonly #broker: string;
  readonly #runner: SubscriptionRunner;
  readonly #notices: Notices;
  readonly #hurry: () => void;
  #resume: (() => void) | undefined;

  constructor(
    { broker, topic, group }: Controlled,
    runner: SubscriptionRunner,
    notices: Notices,
    { replay, hurry }: Surroundings,
  ) {
    this.replay = replay;
    this.#hurry = hurry;
    this.#broker = broker;
    this.topic = topic;
    this.group = group;
    this.#runner = runner;
    this.#notices = notices;
  }

  get inFlight(): number {
    return this.#runner.inFlight;
  }

  get pauseReasons(): readonly string[] {
    return this.#runner.pauseReasons;
  }

  pause(reason: string): Promise<void> {
    const resume = this.#runner.pause(reason);
    this.#resume?.();
    this.#resume = resume;
    this.#notices.emit('subscription:paused', { ...this.#about, reason });
    this.#hurry();
    return this.#runner.untilStill();
  }

  resume(): void {
    if (this.#resume === undefined) return;
    this.#resume();
    this.#resume = undefined;
    this.#notices.emit('subscription:resumed', this.#about);
  }

  get #about(): Controlled {
    return { broker: this.#broker, topic: this.topic, group: this.group };
  }
}
