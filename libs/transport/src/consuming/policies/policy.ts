import { TransportError, type Clock, type Delivery, type MessageContext } from '../../contract/index.js';
import type { Handler, RestOfWork } from '../runner/handler.js';

/** The policies of the library. A subscription has at most one of each. */
export type PolicyKind = 'circuitBreaker' | 'rateLimit' | 'throttle' | 'timeout';

/** A handler as policies see it. */
export type PolicyHandler = (payload: unknown, context: MessageContext) => unknown;

/**
 * A policy of your own: a function around a handler. It may do something before and after, change what is thrown, or not
 * call `next` at all, which counts as handled. It is made once per handler, and nothing of what it does is awaited twice.
 */
export type PolicyFunction = (next: PolicyHandler) => PolicyHandler;

/** Puts something around a handler. */
export type Around = (next: Handler) => Handler;

/** What `timeout`, `rateLimit`, `throttle` and `circuitBreaker` return. */
export interface StandardPolicy {
  readonly kind: PolicyKind;
  /** As given, for logs. */
  readonly options: object;
  /** Called once per subscription: its handlers share what the policy remembers. */
  start(host: PolicyHost): Around;
}

/** What may stand in `policies`. */
export type Policy = StandardPolicy | PolicyFunction;

/** What a policy of the library may use of its subscription. */
export interface PolicyHost {
  readonly clock: Clock;
  /** What a handler gave may stand for work that has only begun, such as a stream: then a promise of its end. undefined: it never does. */
  readonly restOf: RestOfWork | undefined;
  /** Whether another attempt may mend what was thrown. */
  isRetryable(error: unknown): boolean;
  /**
   * Keeps a message back before its handler begins, until `release` is called. It is no attempt meanwhile, and its broker
   * may take it back. A drain and a pause end the wait with `NotBegun`.
   * @param until is given `release`, and returns what calls it off
   */
  hold(delivery: Delivery, until: (release: () => void) => () => void): Promise<void>;
  /** Does something later, unless the subscription has ended by then. */
  schedule(delayMs: number, action: () => void): void;
  /** Pauses the subscription, tells it, and degrades health, until the returned function is called. */
  pause(reason: string): () => void;
  /** The pause is over for good. */
  unpaused(): void;
  /** A handler's time is over, and it still runs. */
  timedOut(delivery: Delivery, timeoutMs: number): void;
}

const KINDS: ReadonlySet<unknown> = new Set<PolicyKind>(['circuitBreaker', 'rateLimit', 'throttle', 'timeout']);

export const isStandard = (policy: Policy): policy is StandardPolicy => typeof policy !== 'function';

export function isPolicy(value: unknown): value is Policy {
  const { kind, start } = Object(value) as Partial<StandardPolicy>;
  return typeof value === 'function' || (KINDS.has(kind) && typeof start === 'function');
}

/** @throws TransportError `TRANSPORT_OPTION_CONFLICT` */
export function checkPolicies(where: string, policies: readonly Policy[] = []): void {
  const kinds = policies.filter(isStandard).map(({ kind }) => kind);
  const twice = kinds.find((kind, index) => kinds.indexOf(kind) !== index);
  if (twice === undefined) return;
  throw new TransportError(
    'TRANSPORT_OPTION_CONFLICT',
    `${where} policies: ${twice} is there more than once, and one subscription has one of each. Leave one out.`,
  );
}
