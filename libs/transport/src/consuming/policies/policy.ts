import { TransportError, type Clock, type Delivery, type MessageContext } from '../../contract/index.js';
import type { Handler, RestOfWork } from '../runner/handler.js';

/** The library's policies. A subscription has at most one of each. */
export type PolicyKind = 'circuitBreaker' | 'rateLimit' | 'throttle' | 'timeout';

/** A handler as policies see it. */
export type PolicyHandler = (payload: unknown, context: MessageContext) => unknown;

/**
 * A policy of your own: a function that wraps a handler. It can act before and after, change the error, or skip `next`,
 * which counts as handled. It is called once per handler.
 */
export type PolicyFunction = (next: PolicyHandler) => PolicyHandler;

/** Wraps a handler. */
export type Around = (next: Handler) => Handler;

/** What `timeout`, `rateLimit`, `throttle` and `circuitBreaker` return. */
export interface StandardPolicy {
  readonly kind: PolicyKind;
  /** The options as given, for logs. */
  readonly options: object;
  /** Called once per subscription; its handlers share the policy's state. */
  start(host: PolicyHost): Around;
}

/** An entry of `policies`. */
export type Policy = StandardPolicy | PolicyFunction;

/** What a library policy can use of its subscription. */
export interface PolicyHost {
  readonly clock: Clock;
  /**
   * Returns a Promise of the end if a handler's result stands for running work, such as a stream. undefined: it never
   * does.
   */
  readonly restOf: RestOfWork | undefined;
  /** Whether a retry may succeed after this error. */
  isRetryable(error: unknown): boolean;
  /**
   * Holds a message back before its handler starts, until `release` is called. It counts no attempt, and the broker can
   * revoke it in the meantime. A drain and a pause end the wait with `NotStarted`.
   * @param until receives `release` and returns a function that cancels it
   */
  hold(delivery: Delivery, until: (release: () => void) => () => void): Promise<void>;
  /** Runs an action later, unless the subscription has ended by then. */
  schedule(delayMs: number, action: () => void): void;
  /** Pauses the subscription, emits a notice and degrades health, until the returned function is called. */
  pause(reason: string): () => void;
  /** Called when the pause is over permanently. */
  unpaused(): void;
  /** Called when a handler exceeded its timeout and still runs. */
  timedOut(delivery: Delivery, timeoutMs: number): void;
}

const KINDS: ReadonlySet<unknown> = new Set<PolicyKind>(['circuitBreaker', 'rateLimit', 'throttle', 'timeout']);

export const isStandard = (policy: Policy): policy is StandardPolicy => typeof policy !== 'function';

export function isPolicy(value: unknown): value is Policy {
  const { kind, start } = Object(value) as Partial<StandardPolicy>;
  return typeof value === 'function' || (KINDS.has(kind) && typeof start === 'function');
}

/** Rejects a list that contains a library policy twice. @throws TransportError `TRANSPORT_OPTION_CONFLICT` */
export function checkPolicies(where: string, policies: readonly Policy[] = []): void {
  const kinds = policies.filter(isStandard).map(({ kind }) => kind);
  const twice = kinds.find((kind, index) => kinds.indexOf(kind) !== index);
  if (twice === undefined) return;
  throw new TransportError(
    'TRANSPORT_OPTION_CONFLICT',
    `${where} policies: ${twice} occurs more than once, but a subscription can have only one. Remove the others.`,
  );
}
