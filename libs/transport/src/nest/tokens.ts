import { Inject } from '@nestjs/common';

/** Names the module's default broker in tokens, so that nobody has to know what it is called. */
const DEFAULT = '';

const token = (what: string, name: string): string => `nest-transport:${what}${name === DEFAULT ? '' : `:${name}`}`;

/** The token of a broker's publisher, for `useExisting`, tests and `app.get`. @param name @default the default broker */
export const getPublisherToken = (name: string = DEFAULT): string => token('publisher', name);

/** The token of the application's handle on a broker (`BrokerHandle`). @param name @default the default broker */
export const getBrokerToken = (name: string = DEFAULT): string => token('broker', name);

/**
 * The token of a broker's `TransportClient`. Code that injects a `ClientProxy` under a name of its own keeps working with
 * `{ provide: 'ORDERS', useExisting: getClientToken() }`. @param name @default the default broker
 */
export const getClientToken = (name: string = DEFAULT): string => token('client', name);

/** Injects the `Publisher` of a broker: `constructor(@InjectPublisher() private readonly publisher: Publisher)`. @param name @default the default broker */
export const InjectPublisher = (name?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getPublisherToken(name));

/** Injects the `BrokerHandle` of a broker: its name, driver, capabilities and health. @param name @default the default broker */
export const InjectBroker = (name?: string): ParameterDecorator & PropertyDecorator => Inject(getBrokerToken(name));
