import { Inject, type InjectionToken } from '@nestjs/common';
import { Publisher } from '../publishing/index.js';
import { BrokerHandle } from './broker-handle.js';
import { TransportClient } from './client/transport.client.js';

const named = (what: string, name: string): string => `nest-transport:${what}:${name}`;

/**
 * Returns the token of a broker's publisher, for `useExisting`, tests and `app.get`. For the default broker it is the class `Publisher`:
 * `overrideProvider(Publisher)` replaces it everywhere. @param name @default the default broker
 */
export const getPublisherToken = (name?: string): InjectionToken<Publisher> =>
  name === undefined ? Publisher : named('publisher', name);

/** Returns the token of the application's handle on a broker. For the default broker it is the class `BrokerHandle`. @param name @default the default broker */
export const getBrokerToken = (name?: string): InjectionToken<BrokerHandle> =>
  name === undefined ? BrokerHandle : named('broker', name);

/**
 * Returns the token of a broker's `TransportClient`. For the default broker it is the class. Code that injects a `ClientProxy` under
 * its own name keeps working with `{ provide: 'ORDERS', useExisting: getClientToken() }`. @param name @default the default broker
 */
export const getClientToken = (name?: string): InjectionToken<TransportClient> =>
  name === undefined ? TransportClient : named('client', name);

/** Injects the `Publisher` of a broker: `constructor(@InjectPublisher() private readonly publisher: Publisher)`. @param name @default the default broker */
export const InjectPublisher = (name?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getPublisherToken(name));

/** Injects the `BrokerHandle` of a broker: its name, driver, capabilities and health. @param name @default the default broker */
export const InjectBroker = (name?: string): ParameterDecorator & PropertyDecorator => Inject(getBrokerToken(name));
