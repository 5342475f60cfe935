import type { LoggerService } from '@nestjs/common';
import type { TestingModule, TestingModuleBuilder } from '@nestjs/testing';
import type { Broker } from '../../contract/index.js';
import { memory } from '../../drivers/memory/index.js';
import { connectTransport, transportStrategy } from '../../nest/lifecycle/connect-transport.js';
import type { ResolvedModuleOptions } from '../../nest/module-options.js';
import { OPTIONS } from '../../nest/transport.module.js';
import { TransportRuntime } from '../../nest/transport-runtime.js';
import type { Publisher } from '../../publishing/index.js';
import type { RandomFaultsOptions } from '../faults/random-faults-options.js';
import { observedBroker, playing } from './observed-broker.js';
import { TestRuntime } from './test-runtime.js';
import type { TestApplication } from './test-application.js';
import type { TestWorld } from './test-world.js';

/*
 * All that needs Nest at run time. It is loaded when a test transport is started, so that the suite for drivers does without,
 * also in a Jest that cannot load Nest 12.
 */

/** Options of a test transport that say how its brokers are played. */
interface PlayerOptions {
  readonly seed?: number;
  readonly faults?: Omit<RandomFaultsOptions, 'seed'>;
  readonly createBroker?: (name: string) => Broker;
  readonly logger?: LoggerService | false;
}

/** Has the application run in the test's world, its brokers played. */
export function replaceBrokers(module: TestingModuleBuilder, world: TestWorld, options: PlayerOptions): void {
  module.overrideProvider(TransportRuntime).useFactory({
    inject: [OPTIONS],
    factory: (given: ResolvedModuleOptions) => {
      const brokers = new Map([...given.brokers].map(([name, broker]) => [name, player(name, broker, world, options)]));
      return new TestRuntime({ ...given, brokers, logger: options.logger ?? false }, world);
    },
  });
}

function player(name: string, original: Broker, world: TestWorld, { createBroker, faults }: PlayerOptions): Broker {
  const known = world.brokers.get(name);
  const seeded = faults === undefined ? undefined : { ...faults, seed: world.seed };
  const broker = known ?? observedBroker(createBroker?.(name) ?? memory(), name, world, seeded);
  world.brokers.set(name, broker);
  return playing(original, broker);
}

/** The compiled module as an application with its transport connected, not started yet. */
export function createApplication(module: TestingModule, http: boolean): TestApplication {
  const app = http ? module.createNestApplication() : module.createNestMicroservice(transportStrategy());
  return connectTransport(app);
}

/** The publisher of a broker by name, which is the transport's own also where a test overrides `Publisher`. @param broker @default the default broker */
export const publisherOf = (app: TestApplication, broker: string | undefined): Publisher =>
  app.get(TransportRuntime, { strict: false }).broker(broker).publisher;
