import { Module, type DynamicModule, type FactoryProvider, type Provider } from '@nestjs/common';
import { Notices, TransportError } from '../contract/index.js';
import { DrainModule } from './lifecycle/drain.module.js';
import {
  resolveModuleOptions,
  type ResolvedModuleOptions,
  type TransportModuleAsyncOptions,
  type TransportModuleOptions,
  type TransportOptionsFactory,
} from './module-options.js';
import { getBrokerToken, getClientToken, getPublisherToken } from './tokens.js';
import { TransportDescriber } from './describe/transport-describer.js';
import { TransportHealth } from './health/transport-health.js';
import { TransportLifecycle } from './lifecycle/transport-lifecycle.js';
import { TransportRuntime } from './transport-runtime.js';
import { TransportClient } from './client/transport.client.js';
import { TransportServer } from './client/transport.server.js';

/** The token of the checked options; the testing module builds its own runtime from them. */
export const OPTIONS = Symbol('nest-transport:options');

/**
 * Connects an application to its brokers. Provides `Publisher`, `@InjectPublisher`, `TransportClient`, `TransportHealth`,
 * `TransportDescriber` and `Notices`, and runs `@Subscribe` handlers. Import it once, in the root module; it is global.
 *
 * ```ts
 * @Module({ imports: [TransportModule.forRoot({ service: 'inventory', broker: memory() })], controllers: [InventoryController] })
 * ```
 * Handlers run only in an application created with `createTransportApp(AppModule)`, or after `connectTransport(app)`.
 */
@Module({})
export class TransportModule {
  /** Configures the module. @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`, `TRANSPORT_CAPABILITY_UNSUPPORTED` */
  static forRoot(options: TransportModuleOptions): DynamicModule {
    const resolved = resolveModuleOptions('TransportModule.forRoot', options);
    return assemble([{ provide: OPTIONS, useValue: resolved }], [...resolved.brokers.keys()]);
  }

  /**
   * Configures the module with options from a factory, a class or a provider. With several brokers, list their names in
   * `brokerNames` to make them injectable. The errors of `forRoot` are thrown when the application is created.
   */
  static forRootAsync(options: TransportModuleAsyncOptions): DynamicModule {
    const { brokerNames = [], imports = [] } = options;
    return { ...assemble(asyncOptions(options), brokerNames), imports: [DrainModule, ...imports] };
  }
}

function assemble(options: Provider[], brokerNames: readonly string[]): DynamicModule {
  const injectable: Provider[] = [...ofDefaultBroker(), ...brokerNames.flatMap(ofNamedBroker)];
  const own: FactoryProvider[] = [
    {
      provide: TransportRuntime,
      useFactory: (given: ResolvedModuleOptions) => new TransportRuntime(given),
      inject: [OPTIONS],
    },
    fromRuntime(Notices, (runtime) => runtime.notices),
    fromRuntime(TransportHealth, (runtime) => new TransportHealth(runtime)),
    fromRuntime(TransportDescriber, (runtime) => new TransportDescriber(runtime)),
  ];
  return {
    module: TransportModule,
    global: true,
    imports: [DrainModule],
    providers: [...options, ...own, ...injectable, TransportServer, TransportLifecycle],
    exports: [
      Notices,
      TransportHealth,
      TransportDescriber,
      TransportServer,
      ...injectable.map((provider) => (provider as FactoryProvider).provide),
    ],
  };
}

function fromRuntime<T>(token: FactoryProvider['provide'], pick: (runtime: TransportRuntime) => T): FactoryProvider<T> {
  return { provide: token, useFactory: pick, inject: [TransportRuntime] };
}

function ofDefaultBroker(): Provider[] {
  return [
    fromRuntime(getPublisherToken(), (runtime) => runtime.broker().publisher),
    fromRuntime(getBrokerToken(), (runtime) => runtime.broker().handle),
    fromRuntime(getClientToken(), (runtime) => new TransportClient(runtime, runtime.broker())),
  ];
}

function ofNamedBroker(name: string): Provider[] {
  return [
    fromRuntime(getPublisherToken(name), (runtime) => runtime.broker(name).publisher),
    fromRuntime(getBrokerToken(name), (runtime) => runtime.broker(name).handle),
    fromRuntime(getClientToken(name), (runtime) => new TransportClient(runtime, runtime.broker(name))),
  ];
}

function asyncOptions({
  useFactory,
  useClass,
  useExisting,
  inject = [],
  brokerNames = [],
}: TransportModuleAsyncOptions): Provider[] {
  const resolve = (options: TransportModuleOptions): ResolvedModuleOptions => {
    const resolved = resolveModuleOptions('TransportModule.forRootAsync', options);
    refuseOtherNames(resolved, brokerNames);
    return resolved;
  };
  if (useFactory !== undefined) {
    return [
      {
        provide: OPTIONS,
        inject,
        useFactory: async (...injected: unknown[]) => resolve(await useFactory(...injected)),
      },
    ];
  }
  const factory = useExisting ?? useClass;
  if (factory === undefined) {
    throw new TransportError(
      'TRANSPORT_OPTION_INVALID',
      'TransportModule.forRootAsync needs one of useFactory, useClass and useExisting.',
    );
  }
  const options: FactoryProvider = {
    provide: OPTIONS,
    inject: [factory],
    useFactory: async (from: TransportOptionsFactory) => resolve(await from.createTransportOptions()),
  };
  return useClass === undefined ? [options] : [useClass, options];
}

function refuseOtherNames({ brokers }: ResolvedModuleOptions, announced: readonly string[]): void {
  const names = [...brokers.keys()];
  const absent = announced.find((name) => !brokers.has(name));
  const surplus = names.length > 1 ? names.find((name) => !announced.includes(name)) : undefined;
  if (absent === undefined && surplus === undefined) return;
  throw new TransportError(
    'TRANSPORT_OPTION_CONFLICT',
    `TransportModule.forRootAsync: the options contain the brokers ${names.join(', ')}, but brokerNames lists ${announced.join(', ') || 'none'}. Write brokerNames: [${names.map((name) => `'${name}'`).join(', ')}], otherwise @InjectPublisher cannot find them.`,
  );
}
