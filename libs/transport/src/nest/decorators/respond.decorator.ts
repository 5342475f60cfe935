import type { EventDefinition } from '../../contract/index.js';
import { describe, subscribing } from './subscribe.decorator.js';
import type { SubscribeOptions } from './subscribe-options.js';

/** What `@Respond` takes: what `@Subscribe` does, but for batches and retries, which a sender who waits has no use for. */
export type RespondOptions = Omit<SubscribeOptions, 'batch' | 'retry'>;

/** A decorator for methods that take a `Payload` and give an `Answer`, or a promise or an Observable of it. */
export type ResponderDecorator<Payload, Answer> = <
  // n.b. `any[]`: what follows the payload is filled by other decorators, which types cannot see.
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
 * Answers the requests of `publisher.request` (and of Nest's `client.send`) with what the method gives: its value, each
 * value of its Observable, or its error. An error is the sender's to deal with: it is answered, and not tried again.
 *
 * ```ts
 * @Respond(StockAsked)
 * async stock(@Payload() { sku }: StockRequest): Promise<StockAnswer> {}
 * ```
 * A message that nobody waits for is handled as by `@Subscribe`. Refused at start with `TRANSPORT_CAPABILITY_UNSUPPORTED` where
 * the broker cannot answer.
 */
export function Respond<In, Out, Answer>(
  event: EventDefinition<In, Out, Answer>,
  options?: RespondOptions,
): ResponderDecorator<Out, Answer>;
/** The untyped way: every request on a topic. */
export function Respond(topic: string, options?: RespondOptions): MethodDecorator;
export function Respond(source: EventDefinition | string, options: RespondOptions = {}): MethodDecorator {
  return subscribing((where) => ({ ...describe(source, options, where), responds: true }));
}
