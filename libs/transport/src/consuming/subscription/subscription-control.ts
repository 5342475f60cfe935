import type { Notices } from '../../contract/index.js';
import type { SubscriptionRunner } from '../runner/runner.js';
import type { ReplayReport, ReplayWindow } from '../replay/window-replay.js';

/** Pauses, resumes and replays one subscription of this process. Other members of the group continue. */
export interface SubscriptionControl {
  readonly topic: string;
  readonly group: string;
  /** Number of unsettled messages that the subscription holds. */
  readonly inFlight: number;
  /** Why it is paused, oldest reason first; empty while it runs. A policy can also pause it. */
  readonly pauseReasons: readonly string[];
  /**
   * Pauses the subscription: no handler starts and nothing more is fetched until `resume`. Messages already fetched
   * stay unacknowledged in this process. Resolves when the running handlers have ended; if one of them calls it, when
   * the others have. A partial batch is passed to its handler immediately and counts as running. A second pause changes
   * the reason.
   * @param reason for logs and health
   */
  pause(reason: string): Promise<void>;
  /**
   * Replays the messages of a time window to the handlers, in a group of its own: the position of the live group does
   * not change, and the live subscription continues. Resolves when all are settled: up to the current end of the topic
   * where the driver knows it (Kafka, memory), otherwise (NATS) after one second without a message.
   * @throws TransportError `TRANSPORT_CAPABILITY_UNSUPPORTED` if the broker cannot start at a time; `TRANSPORT_CLOSED`
   *   if the application shuts down before the replay ends; `TRANSPORT_READING_INCOMPLETE` if a reachable broker
   *   delivers nothing for 30 seconds before that end
   */
  replay(window: ReplayWindow): Promise<ReplayReport>;
  /** Ends the pause that `pause` started; pauses of policies stay. */
  resume(): void;
}

interface Controlled {
  readonly broker: string;
  readonly topic: string;
  readonly group: string;
}

/** What a control needs in addition to its runner. */
interface Surroundings {
  readonly replay: (window: ReplayWindow) => Promise<ReplayReport>;
  /** Passes on partial batches. */
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
