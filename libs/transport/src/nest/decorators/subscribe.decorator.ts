import { EventPattern } from '@nestjs/microservices';
import type { BatchOptions } from '../../consuming/index.js';
import type { EventDefinition } from '../../contract/index.js';
import type { SubscribeOptions } from './subscribe-options.js';
import { SUBSCRIPTIONS, subscriptionsOf, TRANSPORT_ID, type SubscriptionMetadata } from './subscription-metadata.js';

/** A decorator for methods whose first parameter takes a `Payload`; fewer parameters and wider types fit as well. */
export type HandlerDecorator<Payload> = <
  // `any[]`: other decorators (@Ctx, @MessageHeader) fill the parameters after the payload, which types cannot see.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  Method extends (payload: Payload, ...rest: any[]) => unknown,
>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

/**
 * Rejects options whose names are not in `Known`.
 * There is one signature for handlers with and without a batch: with two overloads, the compiler's error for a
 * misspelt option would be that `batch` is missing.
 */
type OnlyOf<Known, Given> = { readonly [Name in Exclude<keyof Given, keyof Known>]: never };

/**
 * Delivers every message of an event to a method of a controller or a provider. The message is acked when the method returns (or its
 * Promise resolves, or its Observable or generator ends). If the method throws, the message is retried or dead-lettered.
 *
 * ```ts
 * @Subscribe(OrderCreated, { group: 'inventory', retry: { maxAttempts: 5 } })
 * async reserve(@Payload() order: OrderCreatedData, @Ctx() context: MessageContext) {}
 * ```
 * With `batch` the method takes arrays: `update(@Payload() prices: Price[], @Ctx() contexts: MessageContext[])`. It returns
 * nothing if all succeeded, or one outcome for each message: an `Error` (or a rejected result of `Promise.allSettled`) fails that message.
 *
 * The payload's type is checked against the event, and must be the first parameter. For another order of parameters,
 * pass the topic instead.
 * Options are checked at start: `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`,
 * `TRANSPORT_SUBSCRIPTION_DUPLICATE`.
 */
export function Subscribe<In, Out, Batch extends BatchOptions | undefined = undefined>(
  event: EventDefinition<In, Out>,
  options?: Omit<SubscribeOptions, 'batch'> & { readonly batch?: Batch & OnlyOf<BatchOptions, Batch> },
): HandlerDecorator<Batch extends BatchOptions ? Out[] : Out>;
/** Delivers every message of a topic, whatever its type, without a typed payload. */
export function Subscribe(topic: string, options?: SubscribeOptions): MethodDecorator;
export function Subscribe(source: EventDefinition | string, options: SubscribeOptions = {}): MethodDecorator {
  return subscribing((where) => describe(source, options, where));
}

/** Marks a class so that Nest gives it the global enhancers in request scope where it is a provider. Nest exports no name for the key; a spec sees its effect. */
const ENTRY_PROVIDER = '__entryProvider__';

/** Records a subscription on a method, and registers the method as a handler of Nest. */
export function subscribing(metadata: (where: string) => SubscriptionMetadata): MethodDecorator {
  return (target, key, descriptor) => {
    const method = descriptor.value as object;
    const where = `${target.constructor.name}.${String(key)}`;
    const subscriptions = [...subscriptionsOf(method), metadata(where)];
    Reflect.defineMetadata(SUBSCRIPTIONS, subscriptions, method);
    Reflect.defineMetadata(ENTRY_PROVIDER, true, target.constructor);
    const patterns = subscriptions.map(({ pattern }) => pattern);
    // The overloads of EventPattern clash with exactOptionalPropertyTypes.
    const decorate = EventPattern(patterns, TRANSPORT_ID, { [SUBSCRIPTIONS]: subscriptions }) as MethodDecorator;
    decorate(target, key, descriptor);
  };
}

export function describe(
  source: EventDefinition | string,
  options: SubscribeOptions,
  where: string,
): SubscriptionMetadata {
  return typeof source === 'string'
    ? { pattern: source, topic: source, event: undefined, options, where }
    : { pattern: source.type, topic: source.topic, event: source, options, where };
}
