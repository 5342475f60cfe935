import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { TransportError } from '../contract/index.js';
import { subscriptionsOf, type SubscriptionMetadata } from './subscription-metadata.js';

/** Where Nest keeps the patterns of a handler. It exports no name for the key; a spec compares it with what `EventPattern` writes. */
const NEST_PATTERNS = 'microservices:pattern';

interface Methods {
  readonly owner: string;
  readonly prototype: object;
}

/** Every `@Subscribe` on the controllers of an application. */
export function subscribedHandlers(modules: ModulesContainer): readonly SubscriptionMetadata[] {
  return controllersOf(modules).flatMap(subscriptionsIn);
}

/**
 * Refuses `@Subscribe` where Nest would never look: message handlers are found on controllers only.
 * @throws TransportError `TRANSPORT_NOT_CONNECTED`
 */
export function refuseDeafProviders(modules: ModulesContainer): void {
  const heard = new Set(controllersOf(modules).map(({ prototype }) => prototype));
  for (const provider of providersOf(modules)) {
    const [deaf] = heard.has(provider.prototype) ? [] : subscriptionsIn(provider);
    if (deaf === undefined) continue;
    throw new TransportError(
      'TRANSPORT_NOT_CONNECTED',
      `@Subscribe("${deaf.pattern}") in ${deaf.where} would never be called: ${provider.owner} is a provider, and Nest looks for message handlers on controllers. Write @Controller() in place of @Injectable() and list the class under "controllers" of its module.`,
    );
  }
}

/** Who handles a pattern of Nest's own decorators, for errors: `OrdersController.onOrder`. Several when it is claimed twice. */
export function placesOfPattern(modules: ModulesContainer, pattern: unknown): readonly string[] {
  return controllersOf(modules).flatMap(({ owner, prototype }) =>
    methodsOf(prototype)
      .filter(({ method }) => subscriptionsOf(method).length === 0 && patternsOf(method).includes(pattern))
      .map(({ name }) => `${owner}.${name}`),
  );
}

function patternsOf(method: object): readonly unknown[] {
  const patterns: unknown = Reflect.getMetadata(NEST_PATTERNS, method);
  return Array.isArray(patterns) ? patterns : [];
}

function subscriptionsIn({ prototype }: Methods): readonly SubscriptionMetadata[] {
  return methodsOf(prototype).flatMap(({ method }) => subscriptionsOf(method));
}

function methodsOf(prototype: object): readonly { readonly name: string; readonly method: object }[] {
  return new MetadataScanner().getAllMethodNames(prototype).map((name) => ({
    name,
    method: (prototype as Record<string, object>)[name] as object,
  }));
}

function controllersOf(modules: ModulesContainer): readonly Methods[] {
  return [...modules.values()].flatMap(({ controllers }) => [...controllers.values()].flatMap(methodsHolder));
}

function providersOf(modules: ModulesContainer): readonly Methods[] {
  return [...modules.values()].flatMap(({ providers }) => [...providers.values()].flatMap(methodsHolder));
}

/** n.b. the instance's own class where there is one: a factory's or a value's `metatype` says nothing about methods. */
function methodsHolder({ instance, metatype }: { instance?: unknown; metatype?: unknown }): readonly Methods[] {
  const prototype: unknown =
    typeof instance === 'object' && instance !== null
      ? Object.getPrototypeOf(instance)
      : (metatype as { prototype?: unknown } | null | undefined)?.prototype;
  if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype) return [];
  return [{ owner: prototype.constructor?.name ?? 'a class without a name', prototype }];
}
