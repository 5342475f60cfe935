import type { TransportError } from './errors.js';
import type { GuaranteeReason } from './guarantee.js';
import { isThenable } from './is-thenable.js';

interface OfBroker {
  /** The application's name for the broker; `'default'` when there is only one. */
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
 * Every event that the library reports, named `noun:verb`. Logs, metrics, health and tests listen to these; the modules
 * below `nest` write no logs of their own. Notices never contain payloads or secrets.
 */
export interface NoticeMap {
  'broker:connected': OfBroker;
  /** The connection was lost or could not be made; the library keeps trying. Reported once per outage. */
  'broker:unreachable': OfBroker & { readonly error: TransportError };
  /**
   * The broker rejects something that the application needs, for example because of a missing permission. Reported once
   * until it is resolved.
   */
  'broker:warned': OfBroker & { readonly warning: string };
  'subscription:started': OfSubscription;
  /** The client failed; the library recreates it after `restartInMs`. */
  'subscription:crashed': OfSubscription & { readonly error: TransportError; readonly restartInMs: number };
  /** The recreated client has joined its group again. */
  'subscription:recovered': OfSubscription;
  /**
   * Intake of one partition waits, because too many later messages are done while an earlier one is unsettled. Reported
   * once per stall.
   */
  'partition:stalled': OfSubscription & {
    readonly partition: number;
    readonly unsettledOffset: string;
    readonly reason: string;
  };
  'partition:unstalled': OfSubscription & { readonly partition: number };
  /**
   * The subscription receives nothing although the broker holds `waiting` messages for it. Reported once, until
   * messages arrive or none wait.
   */
  'subscription:starved': OfSubscription & { readonly waiting: number };
  /** A starved subscription receives messages again. */
  'subscription:receiving': OfSubscription;
  /** The application or a policy paused the subscription: no handler starts until it is resumed. */
  'subscription:paused': OfSubscription & { readonly reason: string };
  'subscription:resumed': OfSubscription;
  /** A setting of the subscription does less than it seems to. */
  'subscription:warned': OfSubscription & { readonly warning: string };
  /**
   * Reported at startup: a broker setting weakens the guarantee of all these topics. Not reported for subscriptions
   * that set `guarantee`.
   */
  'guarantee:lowered': OfBroker & { readonly topics: readonly string[]; readonly reason: GuaranteeReason };
  'partition:assigned': OfSubscription & { readonly partition: number };
  'partition:revoked': OfSubscription & { readonly partition: number; readonly unsettled: number };
  'commit:failed': OfSubscription & { readonly error: TransportError };
  'message:acked': OfMessage;
  /** The handler failed; the message will be retried. */
  'message:retry-scheduled': OfMessage & { readonly delayMs: number; readonly error: unknown };
  /**
   * Acknowledged without being handled: the handler threw `Drop`, its type is ignored, or dead letters are disabled.
   */
  'message:dropped': OfMessage & {
    readonly reason: string;
    /** Why handling failed, if a failed message was discarded because dead letters are disabled: the message is lost. */
    readonly error?: unknown;
  };
  /**
   * An attempt exceeded its `timeout` and its handler still runs; the message is retried once the handler has ended.
   */
  'message:timed-out': OfMessage & { readonly timeoutMs: number };
  'message:dead-lettered': OfMessage & {
    readonly deadLetterTopic: string;
    readonly error: unknown;
    /**
     * The dead letter was stored without the original's body, because both together were too large for the dead-letter
     * topic.
     */
    readonly isBodyOmitted?: true;
  };
  /** The dead letter could not be stored; the original stays unsettled, and the library retries. */
  'message:dead-letter-failed': OfMessage & { readonly deadLetterTopic: string; readonly error: TransportError };
  /** A settlement was late, repeated, or for a delivery that was revoked: it had no effect. */
  'settlement:ignored': OfMessage & { readonly settlement: string };
  /**
   * The broker rejected a settlement, or it was lost: the message can be delivered again. Drivers report it with
   * `settlementFailed`.
   */
  'settlement:failed': OfMessage & { readonly settlement: string; readonly error: TransportError };
  'publish:failed': OfBroker & { readonly topic: string; readonly messages: number; readonly error: TransportError };
  'drain:started': OfBroker & { readonly inFlight: number; readonly timeoutMs: number };
  'drain:finished': OfBroker & { readonly unsettled: number; readonly durationMs: number };
}

/** `'message:acked'`, `'drain:started'`, ...: a key of `NoticeMap`. */
export type NoticeName = keyof NoticeMap;
/**
 * Called synchronously for each notice, in the order of `on`. A returned Promise is not awaited; its rejection is
 * reported like an error that the listener throws.
 */
export type NoticeListener<Name extends NoticeName> = (notice: NoticeMap[Name]) => void;

/** Emits typed notices to listeners; one per application, never global. */
export class Notices {
  readonly #listeners = new Map<NoticeName, Set<NoticeListener<never>>>();
  readonly #onFault: (error: unknown, name: NoticeName) => void;

  /**
   * @param onFault called with what a listener threw or rejected with. @default rethrown outside the transport, which
   *   ends a process that does not catch it
   */
  constructor(onFault: (error: unknown, name: NoticeName) => void = throwLater) {
    this.#onFault = onFault;
  }

  /**
   * Adds a listener; the returned function removes it. A listener that throws or rejects affects neither the transport
   * nor other listeners.
   */
  on<Name extends NoticeName>(name: Name, listener: NoticeListener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener as NoticeListener<never>));
    return () => {
      listeners.delete(listener as NoticeListener<never>);
      if (listeners.size === 0 && this.#listeners.get(name) === listeners) this.#listeners.delete(name);
    };
  }

  /** Whether a notice has listeners; hot paths check it before they build a notice. */
  heard(name: NoticeName): boolean {
    return this.#listeners.has(name);
  }

  /** Calls all listeners of a notice synchronously, in the order in which they were added. */
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

  /** The caller may be settling a message: a logger that also fails must not stop it. */
  #report(error: unknown, name: NoticeName): void {
    try {
      this.#onFault(error, name);
    } catch {
      // Nobody is left to report to.
    }
  }
}

/** A listener's error must be visible, and must not settle or lose a message. */
function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
