import type { EventDefinition } from '../../contract/index.js';
import { describe, subscribing } from './subscribe.decorator.js';
import type { SubscribeOptions } from './subscribe-options.js';

/** The options of `@Respond`: those of `@Subscribe` without batches and retries, which do not suit a waiting requester. */
export type RespondOptions = Omit<SubscribeOptions, 'batch' | 'retry'>;

/** A decorator for methods that take a `Payload` and give an `Answer`, or a Promise or an Observable of it. */
export type ResponderDecorator<Payload, Answer> = <
  // `any[]`: other decorators fill the parameters after the payload, which types cannot see.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  Method extends (payload: Payload, ...rest: any[]) => Answer | PromiseLike<Answer> | Subscribable<Answer>,
>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

/** Enough of an Observable; its own type would tie users to one copy of rxjs. */
interface Subscribable<Value> {
  subscribe(observer: { next(value: Value): void }): unknown;
}

/**
 * Answers requests of `publisher.request` (and of Nest's `client.send`) with the method's result: its value, each
 * value of its Observable, or its error. An error is sent to the requester and not retried.
 *
 * ```ts
 * @Respond(StockAsked)
 * async stock(@Payload() { sku }: StockRequest): Promise<StockAnswer> {}
 * ```
 * A message without a requester is handled as by `@Subscribe`. The start fails with `TRANSPORT_CAPABILITY_UNSUPPORTED` if the
 * broker does not support request/reply.
 */
export function Respond<In, Out, Answer>(
  event: EventDefinition<In, Out, Answer>,
  options?: RespondOptions,
): ResponderDecorator<Out, Answer>;
/** Answers every request on a topic, without types. */
export function Respond(topic: string, options?: RespondOptions): MethodDecorator;
export function Respond(source: EventDefinition | string, options: RespondOptions = {}): MethodDecorator {
  return subscribing((where) => ({ ...describe(source, options, where), responds: true }));
}
