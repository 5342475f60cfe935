import type * as KafkaJs from 'kafkajs';
import type { KafkaTlsOptions, ResolvedKafkaOptions } from '../../options.js';
import { withoutNegativeTimers } from './request-timers.js';
import type { SilentBrokers } from './silent-brokers.js';
import { seedOf, Sockets } from './sockets.js';

/** The options of a client, and who watches its connections. */
export type ClientOptions = ResolvedKafkaOptions & { readonly silentBrokers?: SilentBrokers };

/** One kafkajs client and its sockets. Producer, admin and every member have one of their own, so that nothing is shared when one dies. */
export interface OwnKafka {
  readonly kafka: KafkaJs.Kafka;
  readonly sockets: Sockets;
}

export function newKafka(
  kafkajs: typeof KafkaJs,
  options: ClientOptions,
  clientId: string,
  retry: KafkaJs.RetryOptions,
): OwnKafka {
  const { silentBrokers } = options;
  const sockets = new Sockets((broker) => silentBrokers?.isGone(broker) ?? false);
  silentBrokers?.watch(sockets);
  const kafka = new kafkajs.Kafka({
    brokers: options.brokers.map(seedOf),
    clientId,
    ...(options.tls === undefined ? {} : { ssl: tlsSettings(options.tls) }),
    ...(options.sasl === undefined ? {} : { sasl: { ...options.sasl } as KafkaJs.SASLOptions }),
    connectionTimeout: options.connectionTimeoutMs,
    authenticationTimeout: options.connectionTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    retry,
    socketFactory: sockets.factory,
    // What kafkajs has to say reaches us as errors and events; its own log goes nowhere.
    logLevel: kafkajs.logLevel.NOTHING,
    logCreator: () => () => undefined,
  });
  return { kafka: withoutNegativeTimers(kafka), sockets };
}

function tlsSettings(tls: true | KafkaTlsOptions): Exclude<KafkaJs.KafkaConfig['ssl'], boolean | undefined> | true {
  if (tls === true) return true;
  const { serverName, ca, ...rest } = tls;
  return {
    ...rest,
    ...(ca === undefined ? {} : { ca: Array.isArray(ca) ? [...(ca as readonly string[])] : (ca as string) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    minVersion: tls.minVersion ?? 'TLSv1.2',
    rejectUnauthorized: true,
  };
}

/** Tries again soon and gives up soon: what lasts longer is the driver's to wait for. */
export const QUICK_RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, multiplier: 2, factor: 0.2 } as const;

/** Waits for the promise, but not longer; never rejects. */
export async function atMost(limitMs: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)));
  await Promise.race([promise.then(ignore, ignore), limit]);
  clearTimeout(timer);
}

const ignore = (): void => undefined;

/** Waits for the first answers to a client; its sockets end when `closing` is aborted meanwhile. @throws what the work says, or the reason */
export async function unlessClosed({ sockets }: OwnKafka, closing: AbortSignal, work: Promise<void>): Promise<void> {
  let refuse: (reason: unknown) => void = ignore;
  const closed = new Promise<never>((_, reject) => (refuse = reject));
  const end = (): void => {
    sockets.destroyAll();
    refuse(closing.reason);
  };
  closing.addEventListener('abort', end, { once: true });
  if (closing.aborted) end();
  await Promise.race([work, closed]).finally(() => closing.removeEventListener('abort', end));
}

/** How long a connection may take to say good-bye before its sockets are destroyed. */
export const CLOSE_LIMIT_MS = 3_000;
