import type { BrokerHost, Delivery } from '../../contract/index.js';
import { classifySafely, type Classifier } from '../retry/classification.js';
import type { RestOfWork } from '../runner/handler.js';
import type { Route } from '../runner/route.js';
import { Holds } from './holds.js';
import { pipelineOf } from './pipeline.js';
import type { Policy, PolicyHost } from './policy.js';

interface Identity {
  readonly topic: string;
  readonly group: string;
}

interface Tools {
  readonly classify?: Classifier | undefined;
  readonly restOf?: RestOfWork | undefined;
  /** Of the runner, which is made after its handlers. */
  readonly pause: (reason: string) => () => void;
}

/**
 * The handlers of one subscription with its policies around them.
 * @returns the routes as they were where there are no policies; `holds` is what policies keep back
 */
export function withPolicies(
  routes: readonly Route[],
  policies: readonly Policy[] = [],
  identity: Identity,
  host: BrokerHost,
  tools: Tools,
): { readonly routes: readonly Route[]; readonly holds: Holds | undefined } {
  if (policies.length === 0) return { routes, holds: undefined };
  const holds = new Holds();
  const around = pipelineOf(policies, policyHost(identity, host, holds, tools));
  return { routes: routes.map((route) => ({ ...route, handle: around(route.handle) })), holds };
}

function policyHost(
  identity: Identity,
  { notices, clock, broker }: BrokerHost,
  holds: Holds,
  tools: Tools,
): PolicyHost {
  const about = { broker, ...identity };
  const permanent = (error: unknown): boolean =>
    ['permanent', 'drop'].includes(classifySafely(error, tools.classify).kind);
  return {
    clock,
    restOf: tools.restOf,
    isRetryable: (error) => !permanent(error),
    hold: (delivery, until) => holds.hold(delivery, until),
    schedule: (delayMs, action) => holds.schedule(clock, delayMs, action),
    pause: (reason) => {
      const resume = tools.pause(reason);
      notices.emit('subscription:paused', { ...about, reason });
      return resume;
    },
    unpaused: () => notices.emit('subscription:resumed', about),
    timedOut: ({ id, key, attempt }: Delivery, timeoutMs) =>
      notices.emit('message:timed-out', { ...about, id, key, attempt, timeoutMs }),
  };
}
