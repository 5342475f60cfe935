import type { ModulesContainer } from '@nestjs/core';
import { getBrokerToken } from './tokens.js';

/** Where Nest keeps what a class injects. It exports no names for these keys; a spec looks that they are right. */
const CONSTRUCTOR_TYPES = 'design:paramtypes';
const CONSTRUCTOR_TOKENS = 'self:paramtypes';
const PROPERTY_TOKENS = 'self:properties_metadata';

interface Injecting {
  readonly metatype?: unknown;
  readonly inject?: unknown;
}

/**
 * Whether a class or a factory of the application injects a `BrokerHandle`: its handlers may pause their own subscriptions then.
 * Handles obtained from a `ModuleRef` at run time are not detected.
 */
export function injectsBrokers(modules: ModulesContainer, brokerNames: readonly string[]): boolean {
  const tokens: ReadonlySet<unknown> = new Set([getBrokerToken(), ...brokerNames.map(getBrokerToken)]);
  return (
    [...modules.values()]
      .flatMap(({ controllers, providers, injectables }) =>
        [controllers, providers, injectables].flatMap((wrappers) => [...wrappers.values()]),
      )
      // The library's own handle has an alias among the tokens.
      .some((wrapper) => !tokens.has(wrapper.token) && injectedBy(wrapper).some((token) => tokens.has(token)))
  );
}

function injectedBy({ metatype, inject }: Injecting): readonly unknown[] {
  const ofFactory = Array.isArray(inject) ? inject.map(tokenOf) : [];
  return typeof metatype === 'function' ? [...ofFactory, ...injectedByClass(metatype)] : ofFactory;
}

function injectedByClass(metatype: object): readonly unknown[] {
  const listed = (key: string): readonly unknown[] => {
    const list: unknown = Reflect.getMetadata(key, metatype);
    return Array.isArray(list) ? list : [];
  };
  const named = [...listed(CONSTRUCTOR_TOKENS), ...listed(PROPERTY_TOKENS)] as readonly Record<string, unknown>[];
  return [...listed(CONSTRUCTOR_TYPES), ...named.flatMap(({ param, type }) => [param, type])];
}

/** A factory may write `{ token, optional }`. */
const tokenOf = (injected: unknown): unknown => (injected as { token?: unknown } | undefined)?.token ?? injected;
