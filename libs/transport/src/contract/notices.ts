import type { TransportError } from './errors.js';
import type { GuaranteeReason } from './guarantee.js';
import { isThenable } from './is-thenable.js';

interface OfBroker {
  /** The name the application gave the broker; `'default'` when it has one. */
  readonly broker: string;
}
interface OfSubscription extends OfBroker {
  readonly topic: string;
  readonly group: string;
}
interface OfMessage extends OfSubscription {
  readonly id: string;
  readonly key: string | undefined;
  readonly attempt: number;
}

/**
 * Everything the library tells about itself, `noun:verb`. Logs, metrics, health and tests all listen here;
 * the rooms below `nest` write no log of their own. Payloads and secrets never appear in a notice.
 */
export interface NoticeMap {
  'broker:connected': OfBroker;
  /** The connection is lost or was never made; the library keeps trying. Told once per outage. */
  'broker:unreachable': OfBroker & { readonly error: TransportError };
  /** The broker refuses something that the application needs, for example for want of a right. Reported once until it is over. */
  'broker:warned': OfBroker & { readonly warning: string };
  'subscription:started': OfSubscription;
  /** The client died; the library builds it anew after `restartInMs`. */
  'subscription:crashed': OfSubscription & { readonly error: TransportError; readonly restartInMs: number };
  /** The client that was built anew is in its group again. */
  'subscription:recovered': OfSubscription;
  /** Intake of one partition waits, because too much behind an unsettled message is already done. Told once per stall. */
  'partition:stalled': OfSubscription & {
    readonly partition: number;
    readonly unsettledOffset: string;
    readonly reason: string;
  };
  'partition:unstalled': OfSubscription & { readonly partition: number };
  /** It receives nothing although the broker holds `waiting` messages for it. Reported once, until messages arrive or none waits. */
  'subscription:starved': OfSubscription & { readonly waiting: number };
  /** It was starved, and is not any more. */
  'subscription:receiving': OfSubscription;
  /** Somebody, or a policy, wants no handler to begin for now. */
  'subscription:paused': OfSubscription & { readonly reason: string };
  'subscription:resumed': OfSubscription;
  /** A setting of the subscription does less than its reader would think. */
  'subscription:warned': OfSubscription & { readonly warning: string };
  /** Told at start: a setting of the broker lowers what can be promised, of all these topics. Not told where `guarantee` says what is wanted. */
  'guarantee:lowered': OfBroker & { readonly topics: readonly string[]; readonly reason: GuaranteeReason };
  'partition:assigned': OfSubscription & { readonly partition: number };
  'partition:revoked': OfSubscription & { readonly partition: number; readonly unsettled: number };
  'commit:failed': OfSubscription & { readonly error: TransportError };
  'message:acked': OfMessage;
  /** The handler failed; the message is tried again. */
  'message:retry-scheduled': OfMessage & { readonly delayMs: number; readonly error: unknown };
  /** Acked unhandled, because the handler said so (`Drop`), the type is ignored, or dead letters are switched off. */
  'message:dropped': OfMessage & { readonly reason: string };
  /** The time of an attempt is over (`timeout`) and its handler still runs; the message is tried again once that has ended. */
  'message:timed-out': OfMessage & { readonly timeoutMs: number };
  'message:dead-lettered': OfMessage & {
    readonly deadLetterTopic: string;
    readonly error: unknown;
    /** The letter was stored without the original's body, which was too large for the dead-letter topic together with the failure. */
    readonly isBodyOmitted?: true;
  };
  /** The dead letter could not be stored; the original stays unsettled and is tried again. */
  'message:dead-letter-failed': OfMessage & { readonly deadLetterTopic: string; readonly error: TransportError };
  /** A settlement came too late, twice, or for a delivery that belongs to somebody else by now: nothing was done. */
  'settlement:ignored': OfMessage & { readonly settlement: string };
  /** The broker refused a settlement, or it was lost: the message can be delivered again. Drivers report it by `settlementFailed`. */
  'settlement:failed': OfMessage & { readonly settlement: string; readonly error: TransportError };
  'publish:failed': OfBroker & { readonly topic: string; readonly messages: number; readonly error: TransportError };
  'drain:started': OfBroker & { readonly inFlight: number; readonly timeoutMs: number };
  'drain:finished': OfBroker & { readonly unsettled: number; readonly durationMs: number };
}

/** `'message:acked'`, `'drain:started'`, ...: a key of `NoticeMap`. */
export type NoticeName = keyof NoticeMap;
/** Called for each notice of a name, at once and in the order of `on`. A promise that it returns is not awaited; its rejection is reported like an error that the listener throws. */
export type NoticeListener<Name extends NoticeName> = (notice: NoticeMap[Name]) => void;

/** A typed board of notices; one per application, never global. */
export class Notices {
  readonly #listeners = new Map<NoticeName, Set<NoticeListener<never>>>();
  readonly #onFault: (error: unknown, name: NoticeName) => void;

  /** @param onFault called with what a listener threw or rejected with. @default the error is thrown outside the transport, which ends a process that does not catch it */
  constructor(onFault: (error: unknown, name: NoticeName) => void = throwLater) {
    this.#onFault = onFault;
  }

  /** Listens until the returned function is called. A listener that throws or rejects disturbs neither the transport nor other listeners. */
  on<Name extends NoticeName>(name: Name, listener: NoticeListener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener as NoticeListener<never>));
    return () => {
      listeners.delete(listener as NoticeListener<never>);
      if (listeners.size === 0 && this.#listeners.get(name) === listeners) this.#listeners.delete(name);
    };
  }

  /** Whether anybody listens; hot paths ask before they build a notice. */
  heard(name: NoticeName): boolean {
    return this.#listeners.has(name);
  }

  /** Tells all listeners of this name, in the order in which they came, before it returns. */
  emit<Name extends NoticeName>(name: Name, notice: NoticeMap[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        const outcome: unknown = (listener as NoticeListener<Name>)(notice);
        if (isThenable(outcome)) outcome.then(undefined, (error: unknown) => this.#report(error, name));
      } catch (error) {
        this.#report(error, name);
      }
    }
  }

  /** n.b. whoever emits is in the middle of settling a message: a logger that fails as well must not stop it. */
  #report(error: unknown, name: NoticeName): void {
    try {
      this.#onFault(error, name);
    } catch {
      // There is nobody left to report to.
    }
  }
}

/** A fault of a listener must be seen, and must not settle or lose a message. */
function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
