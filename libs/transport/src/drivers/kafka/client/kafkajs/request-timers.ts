import type * as KafkaJs from 'kafkajs';

/** The request queue of a connection in kafkajs 2.2.4, which is not in its types. */
interface RequestQueue {
  /** When throttling by the broker ends; -1 without throttling. */
  readonly throttledUntil: number;
  readonly pending: readonly unknown[];
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

interface ConnectionPool {
  readonly pool: readonly { readonly requestQueue: RequestQueue }[];
}

interface Cluster {
  readonly connectionPoolBuilder: { build(destination?: unknown): Promise<ConnectionPool> };
}

const CREATE_CLUSTER = 'private:Kafka:createCluster';
/** The same value as in kafkajs. */
const CHECK_PENDING_MS = 10;

/**
 * Makes a client check its pending requests with non-negative timers. kafkajs counts from -1 without throttling, and Node 24 warns
 * about negative timers. A kafkajs with different internals stays unchanged.
 */
export function withoutNegativeTimers(kafka: KafkaJs.Kafka): KafkaJs.Kafka {
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === CREATE_CLUSTER);
  if (symbol === undefined) return kafka;
  const own = kafka as unknown as Record<symbol, (options: unknown) => Cluster>;
  const create = own[symbol] as (options: unknown) => Cluster;
  own[symbol] = (options) => {
    const cluster = create(options);
    const { connectionPoolBuilder: builder } = cluster;
    const build = builder.build.bind(builder);
    builder.build = async (destination) => {
      const pool = await build(destination);
      for (const { requestQueue } of pool.pool) scheduleForward(requestQueue);
      return pool;
    };
    return cluster;
  };
  return kafka;
}

function scheduleForward(queue: RequestQueue): void {
  queue.scheduleCheckPendingRequests = () => {
    if (queue.throttleCheckTimeoutId !== null) return;
    const throttledMs = queue.throttledUntil - Date.now();
    const waitMs = throttledMs > 0 ? throttledMs : queue.pending.length > 0 ? CHECK_PENDING_MS : 0;
    queue.throttleCheckTimeoutId = setTimeout(() => {
      queue.throttleCheckTimeoutId = null;
      queue.checkPendingRequests();
    }, waitMs);
  };
}
