import type * as KafkaJs from 'kafkajs';
import type { KafkaTlsOptions, ResolvedKafkaOptions } from '../../options.js';
import { withoutNegativeTimers } from './request-timers.js';
import type { SilentBrokers } from './silent-brokers.js';
import { seedOf, Sockets } from './sockets.js';

/** The options of a client, with the watch for silent brokers. */
export type ClientOptions = ResolvedKafkaOptions & { readonly silentBrokers?: SilentBrokers };

/** One kafkajs client and its sockets. Producer, admin and each member have their own, so the failure of one does not affect the others. */
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
    // The driver uses kafkajs' errors and events, so its log is turned off.
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

/** Retries soon and gives up soon, because the driver waits for longer outages itself. */
export const QUICK_RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, multiplier: 2, factor: 0.2 } as const;

/** Waits for the Promise, at most `limitMs`. Never rejects. */
export async function atMost(limitMs: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)));
  await Promise.race([promise.then(ignore, ignore), limit]);
  clearTimeout(timer);
}

const ignore = (): void => undefined;

/** Waits for `work`. When `closing` is aborted first, destroys the sockets. @throws what `work` throws, or the abort reason */
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

/** How long a connection may take to disconnect before its sockets are destroyed. */
export const CLOSE_LIMIT_MS = 3_000;
