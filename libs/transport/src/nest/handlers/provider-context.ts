import { ContextIdFactory, type ExternalContextCreator, type ModuleRef } from '@nestjs/core';
import type { MessageHandler } from '@nestjs/microservices';
import { catchError, from, mergeMap, of, type Observable } from 'rxjs';
import { fieldOf, TransportError } from '../../contract/index.js';
import { streamOf } from './completion.js';

/** Where Nest keeps what `@Payload` and `@Ctx` said. It exports no name for the key; a spec compares it with what `Payload` writes. */
export const NEST_PARAMETERS = '__routeArguments__';

/** Nest's numbers for `@Payload` and `@Ctx`; the same spec compares them. */
export const PAYLOAD = 3;
export const CONTEXT = 6;

/** As Nest's controllers have it: pipes apply to the first parameter where no decorator says otherwise. */
const PAYLOAD_FIRST = { [`${PAYLOAD}:0`]: { index: 0, data: undefined, pipes: [] } };

/** A method with `@Subscribe` on a provider. */
export interface ProviderMethod {
  /** The provider's instance; where there is one for each message, Nest's placeholder of it. */
  readonly instance: object;
  readonly name: string;
  /** Undefined where one instance handles all messages. */
  readonly perMessage:
    | { readonly module: ModuleRef; readonly token: unknown; readonly id: string; readonly isDurable: boolean }
    | undefined;
}

type Target = (...args: unknown[]) => Promise<unknown>;

interface Filters {
  invokeCustomFilters(error: unknown, host: unknown): unknown;
  next(error: unknown, host: unknown): unknown;
}

interface ErrorProxy {
  createProxy(target: Target, filters: Filters, type: string): Target;
}

/**
 * Calls methods of providers as Nest calls message handlers of controllers: guards, interceptors, pipes, method, and
 * filters for what they throw (docs/adr/0040).
 */
export class ProviderContext {
  readonly #creator: ExternalContextCreator;

  constructor(creator: ExternalContextCreator) {
    this.#creator = keepingStreams(creator);
  }

  /** @param pattern what a request-scoped provider sees as the pattern of its request */
  handlerOf(method: ProviderMethod, pattern: string): MessageHandler {
    noteParameters(method);
    if (method.perMessage === undefined) return this.#create(method.instance, method.name);
    return (payload, context) => this.#callOnce(method, pattern, payload, context);
  }

  async #callOnce({ name, perMessage }: ProviderMethod, pattern: string, payload: unknown, context: unknown) {
    const { module, token, id, isDurable } = perMessage as NonNullable<ProviderMethod['perMessage']>;
    const request = new RequestOfMessage(pattern, payload, context);
    const contextId = ContextIdFactory.getByRequest(request);
    const seen: unknown = isDurable ? contextId.payload : Object.assign(request, contextId.payload);
    module.registerRequestByContextId(seen, contextId);
    const instance = await module.resolve<object>(token as never, contextId);
    return this.#create(instance, name, contextId, id)(payload, context) as Promise<Observable<unknown>>;
  }

  #create(instance: object, name: string, contextId?: { readonly id: number }, inquirerId?: string): MessageHandler {
    const method = (instance as Record<string, Target>)[name] as Target;
    const enhancers = { guards: true, interceptors: true, filters: true };
    return this.#creator.create(
      instance,
      method,
      name,
      OWN_PARAMETERS,
      PARAMETERS,
      contextId,
      inquirerId,
      enhancers,
      'rpc',
    ) as MessageHandler;
  }
}

/** What providers get by `@Inject(CONTEXT)` or `@Inject(REQUEST)`: the shape of Nest's `RequestContext`. */
class RequestOfMessage {
  constructor(
    readonly pattern: string,
    readonly data: unknown,
    readonly context: unknown,
  ) {}

  getPattern(): string {
    return this.pattern;
  }

  getData(): unknown {
    return this.data;
  }

  getContext(): unknown {
    return this.context;
  }
}

/** A key of our own, because a method without decorated parameters gets an entry that others should not see. */
const OWN_PARAMETERS = 'nest-transport:parameters';

function noteParameters({ instance, name }: ProviderMethod): void {
  const { constructor } = instance;
  const decorated: unknown = Reflect.getMetadata(NEST_PARAMETERS, constructor, name);
  Reflect.defineMetadata(OWN_PARAMETERS, decorated ?? PAYLOAD_FIRST, constructor, name);
}

const PARAMETERS = {
  exchangeKeyForValue(type: number, field: unknown, [payload, context]: readonly unknown[] = []): unknown {
    if (type === CONTEXT) return context;
    if (type !== PAYLOAD) return null;
    return typeof field === 'string' ? fieldOf(payload, field) : payload;
  },
};

/**
 * Nest's own creator takes the last value of a stream, and filters see only what is thrown before it. Here the stream
 * stays a stream, because a response may have many values, and filters see its error too.
 */
function keepingStreams(creator: ExternalContextCreator): ExternalContextCreator {
  const { externalErrorProxy } = creator as unknown as { readonly externalErrorProxy?: ErrorProxy };
  if (externalErrorProxy === undefined || typeof creator.transformToResult !== 'function') throw cannotCall();
  return Object.assign(Object.create(creator) as ExternalContextCreator, {
    externalErrorProxy: filteringStreams(externalErrorProxy),
    transformToResult: async (result: unknown) => result,
  });
}

function filteringStreams(nests: ErrorProxy): ErrorProxy {
  return {
    createProxy(target, filters, type) {
      const quiet = withoutLogging(filters);
      const handled = (error: unknown, args: unknown[]): Observable<unknown> =>
        from(nests.createProxy(() => Promise.reject(error as Error), quiet, type)(...args)).pipe(
          mergeMap((result) => streamOf(result) ?? of(result)),
        );
      const streaming: Target = async (...args) => {
        const result = await target(...args);
        return streamOf(result)?.pipe(catchError((error) => handled(error, args))) ?? result;
      };
      return nests.createProxy(streaming, quiet, type);
    },
  };
}

/** Nest logs an error that no filter handles; ours are classified, settled and reported by notices. */
const withoutLogging = (filters: Filters): Filters => ({
  invokeCustomFilters: (error, host) => filters.invokeCustomFilters(error, host),
  next: (error, host) => {
    const result = filters.invokeCustomFilters(error, host);
    if (result === undefined) throw error;
    return result;
  },
});

function cannotCall(): TransportError {
  return new TransportError(
    'TRANSPORT_NOT_CONNECTED',
    '@Subscribe on a provider does not work with this version of @nestjs/core, which applies filters in another way than 11 and 12 do. Write @Controller() in place of @Injectable() and list the class under "controllers" of its module.',
  );
}
