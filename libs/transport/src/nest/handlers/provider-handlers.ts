import { ModuleRef, type ExternalContextCreator, type ModulesContainer } from '@nestjs/core';
import type { MessageHandler } from '@nestjs/microservices';
import { subscribedProviders, type SubscribedProvider } from './handler-scan.js';
import { ProviderContext, type ProviderMethod } from './provider-context.js';
import type { SubscriptionMetadata } from '../decorators/subscription-metadata.js';

/** A method of a provider, as Nest would register one of a controller. */
export interface ProviderHandler {
  readonly said: SubscriptionMetadata;
  readonly callback: MessageHandler;
}

/**
 * The handlers of `@Subscribe` and `@Respond` on providers. Nest registers those of controllers only (docs/adr/0040).
 * @throws TransportError `TRANSPORT_NOT_CONNECTED` where this version of Nest cannot call them
 */
export function providerHandlers(
  modules: ModulesContainer,
  creator: ExternalContextCreator,
): readonly ProviderHandler[] {
  const providers = subscribedProviders(modules);
  if (providers.length === 0) return [];
  const context = new ProviderContext(creator);
  return providers.flatMap((provider) =>
    provider.methods.flatMap(({ name, subscriptions }) =>
      subscriptions.map((said) => ({ said, callback: context.handlerOf(methodOf(provider, name), said.pattern) })),
    ),
  );
}

/** A transient provider has an instance for each class that injects it, and none that could handle all messages. */
function methodOf({ wrapper, module }: SubscribedProvider, name: string): ProviderMethod {
  const { token, id } = wrapper;
  const instance = wrapper.instance as object;
  if (wrapper.isDependencyTreeStatic() && !wrapper.isTransient) return { instance, name, perMessage: undefined };
  const ref = module.getProviderByKey<ModuleRef>(ModuleRef).instance;
  return { instance, name, perMessage: { module: ref, token, id, isDurable: wrapper.isDependencyTreeDurable() } };
}
