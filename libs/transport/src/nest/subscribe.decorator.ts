import { EventPattern } from '@nestjs/microservices';
import type { BatchOptions } from '../consuming/index.js';
import type { EventDefinition } from '../contract/index.js';
import type { SubscribeOptions } from './subscribe-options.js';
import { SUBSCRIPTIONS, subscriptionsOf, TRANSPORT_ID, type SubscriptionMetadata } from './subscription-metadata.js';

/** A decorator for methods whose first parameter takes a `Payload`; fewer parameters and wider types fit as well. */
export type HandlerDecorator<Payload> = <
  // n.b. `any[]`: what follows the payload is filled by other decorators (@Ctx, @MessageHeader), which types cannot see.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  Method extends (payload: Payload, ...rest: any[]) => unknown,
>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

/**
 * Hands every message of an event to a controller's method. When the method returns (or its promise resolves, or its
 * Observable or generator ends) the message is done; when it throws, it is tried again or dead-lettered.
 *
 * ```ts
 * @Subscribe(OrderCreated, { group: 'inventory', retry: { maxAttempts: 5 } })
 * async reserve(@Payload() order: OrderCreatedData, @Ctx() context: MessageContext) {}
 * ```
 * With `batch` the method takes arrays: `update(@Payload() prices: Price[], @Ctx() contexts: MessageContext[])`. It returns
 * nothing when all are done, or an outcome for each, where an `Error` (or a rejected one of `Promise.allSettled`) fails one.
 *
 * The payload's type is checked against the event, and must be the first parameter; for another order of parameters
 * name the topic instead. Works on classes with `@Controller()` only: elsewhere the start fails.
 * Options are checked at start: `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`,
 * `TRANSPORT_SUBSCRIPTION_DUPLICATE`.
 */
export function Subscribe<In, Out>(
  event: EventDefinition<In, Out>,
  options: SubscribeOptions & { readonly batch: BatchOptions },
): HandlerDecorator<Out[]>;
export function Subscribe<In, Out>(
  event: EventDefinition<In, Out>,
  options?: SubscribeOptions & { readonly batch?: never },
): HandlerDecorator<Out>;
/** The untyped way: every message of a topic, whatever its type. */
export function Subscribe(topic: string, options?: SubscribeOptions): MethodDecorator;
export function Subscribe(source: EventDefinition | string, options: SubscribeOptions = {}): MethodDecorator {
  return subscribing((where) => describe(source, options, where));
}

/** Notes a subscription on a method, and makes it a handler of Nest's. */
export function subscribing(metadata: (where: string) => SubscriptionMetadata): MethodDecorator {
  return (target, key, descriptor) => {
    const method = descriptor.value as object;
    const where = `${target.constructor.name}.${String(key)}`;
    const subscriptions = [...subscriptionsOf(method), metadata(where)];
    Reflect.defineMetadata(SUBSCRIPTIONS, subscriptions, method);
    const patterns = subscriptions.map(({ pattern }) => pattern);
    // n.b. the overloads of EventPattern clash with exactOptionalPropertyTypes.
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
