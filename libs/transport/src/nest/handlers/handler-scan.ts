import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { subscriptionsOf, type SubscriptionMetadata } from '../decorators/subscription-metadata.js';

/** Where Nest keeps the patterns of a handler. It exports no name for the key; a spec compares it with what `EventPattern` writes. */
const NEST_PATTERNS = 'microservices:pattern';

interface Methods {
  readonly owner: string;
  readonly prototype: object;
}

/** Every `@Subscribe` of an application. */
export function subscribedHandlers(modules: ModulesContainer): readonly SubscriptionMetadata[] {
  const ofProviders = subscribedProviders(modules).flatMap(({ methods }) => methods);
  const ofControllers = controllersOf(modules).flatMap(subscribedMethods);
  return [...ofControllers, ...ofProviders].flatMap(({ subscriptions }) => subscriptions);
}

/** A provider whose methods have `@Subscribe` or `@Respond`. */
export interface SubscribedProvider {
  readonly wrapper: Wrapper;
  readonly module: Module;
  readonly methods: readonly { readonly name: string; readonly subscriptions: readonly SubscriptionMetadata[] }[];
}

type Wrapper = Module['providers'] extends Map<unknown, infer Each> ? Each : never;
type Module = ModulesContainer extends Map<string, infer Each> ? Each : never;

/** Every provider with `@Subscribe`, for which Nest itself does not look. A class that is also a controller is its controller's. */
export function subscribedProviders(modules: ModulesContainer): readonly SubscribedProvider[] {
  const controllers = new Set(controllersOf(modules).map(({ prototype }) => prototype));
  const seen = new Set<unknown>();
  return [...modules.values()].flatMap((module) =>
    [...module.providers.values()].flatMap((wrapper) => {
      const [holder] = wrapper.isAlias ? [] : methodsHolder(wrapper);
      if (holder === undefined || controllers.has(holder.prototype) || seen.has(wrapper.instance)) return [];
      const methods = subscribedMethods(holder);
      if (methods.length > 0) seen.add(wrapper.instance);
      return methods.length === 0 ? [] : [{ wrapper, module, methods }];
    }),
  );
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

function subscribedMethods({ prototype }: Methods): SubscribedProvider['methods'] {
  return methodsOf(prototype)
    .map(({ name, method }) => ({ name, subscriptions: subscriptionsOf(method) }))
    .filter(({ subscriptions }) => subscriptions.length > 0);
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

/** Uses the instance's own class if there is one: the `metatype` of a factory or value has no methods. */
function methodsHolder({ instance, metatype }: { instance?: unknown; metatype?: unknown }): readonly Methods[] {
  const prototype: unknown =
    typeof instance === 'object' && instance !== null
      ? Object.getPrototypeOf(instance)
      : (metatype as { prototype?: unknown } | null | undefined)?.prototype;
  if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype) return [];
  return [{ owner: prototype.constructor?.name ?? 'a class without a name', prototype }];
}
