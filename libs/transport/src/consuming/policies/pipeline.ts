import { contextOf, deliveryOf, isThenable } from '../../contract/index.js';
import type { Handler, RestOfWork } from '../runner/handler.js';
import {
  isStandard,
  type Around,
  type Policy,
  type PolicyFunction,
  type PolicyHost,
  type PolicyKind,
} from './policy.js';

/**
 * From the outside in, whatever the order they were written in: a message that is kept back while everything fails takes no
 * place in the rate, and the clock of a handler begins when the handler does.
 */
const ORDER = ['circuitBreaker', 'rateLimit', 'throttle', 'timeout'] as const satisfies readonly PolicyKind[];

/** Puts the policies of one subscription around its handlers; functions of the user's own stand next to the handler. */
export function pipelineOf(policies: readonly Policy[], host: PolicyHost): Around {
  const standard = policies.filter(isStandard);
  const inOrder = ORDER.flatMap((kind) => standard.filter((policy) => policy.kind === kind));
  const started = inOrder.map((policy) => policy.start(host));
  const own = policies.filter((policy): policy is PolicyFunction => !isStandard(policy)).map(ofUser);
  return (handle) => [...started, ...own].reduceRight((next, around) => around(next), toItsEnd(handle, host.restOf));
}

/** A policy of the user's own sees the context that its handler sees. */
function ofUser(policy: PolicyFunction): Around {
  return (next) => {
    const handle = policy((payload, context) => next(payload, deliveryOf(context)));
    return (payload, delivery) => handle(payload, contextOf(delivery));
  };
}

/** A handler that gives a stream ends with its stream. */
function toItsEnd(handle: Handler, restOf: RestOfWork | undefined): Handler {
  if (restOf === undefined) return handle;
  const ended = (result: unknown): unknown => {
    const rest = restOf(result);
    return rest === undefined ? result : rest.then(() => undefined);
  };
  return (payload, delivery) => {
    const result = handle(payload, delivery);
    return isThenable(result) ? result.then(ended) : ended(result);
  };
}
