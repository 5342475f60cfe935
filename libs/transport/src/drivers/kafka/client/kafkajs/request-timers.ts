import type * as KafkaJs from 'kafkajs';

/** What kafkajs 2.2.4 has and its types do not: the queue of a connection. */
interface RequestQueue {
  /** When a throttling of the broker ends; -1 where there is none. */
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
/** As kafkajs has it. */
const CHECK_PENDING_MS = 10;

/**
 * Has a client look after its pending requests with timers that are not negative: kafkajs counts from -1 where the broker does not
 * throttle, and Node 24 warns of it. A kafkajs that is built differently is left as it is.
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
