import type { BrokerFacts, TopicFacts, TopicQuery } from '../../contract/index.js';
import { listNsqds, NsqdAdmin } from './client/index.js';
import type { ResolvedNsqOptions } from './options.js';

/** How the nsqd of an application keep messages: settings of the servers, the same for all topics. */
export interface NsqKeeping {
  /** Messages of a topic or channel that an nsqd keeps in memory before it writes to disk; one value per nsqd that answered. */
  readonly memQueueSizes: readonly number[];
  /** Why the settings of some nsqd are unknown: one sentence, without addresses. */
  readonly unknown?: string;
}

/** The default of nsqd. */
const USUAL_MEM_QUEUE_SIZE = 10_000;

const REMEDIES = {
  'kept-in-memory':
    'nsqd writes them to disk on SIGTERM, but not when it is killed. Start nsqd with -mem-queue-size=0: a kill then loses only what is in flight or deferred, and the last 2 s (-sync-timeout).',
  'not-durable':
    'No setting changes this: on SIGTERM nsqd keeps waiting messages, but a killed nsqd loses what is in flight or deferred.',
  'one-copy': 'NSQ does not replicate messages. If the loss of a disk must not lose messages, use a broker that does.',
  'confirmed-by-leader':
    'NSQ does not replicate messages. If the loss of a server must not lose messages, use a broker that does.',
  'starts-new': 'Start the service, or create its channel, before the first message that it needs is published.',
  'not-readable': 'Set lookupd in nsq(), or check it yourself: curl http://<nsqd>:4151/config/mem_queue_size.',
} as const satisfies BrokerFacts['remedy'];

/** Derives facts from the settings of the nsqd. Pure. */
export function factsOf(queries: readonly TopicQuery[], keeping: NsqKeeping): BrokerFacts {
  const topic = topicFacts(keeping);
  const isUsual = Math.max(0, ...keeping.memQueueSizes) <= USUAL_MEM_QUEUE_SIZE;
  return {
    confirmedBy: 'one',
    inherent: ['one-copy', 'confirmed-by-leader', ...(isUsual ? (['kept-in-memory'] as const) : [])],
    remedy: REMEDIES,
    // nsqd creates a topic on first use, and no topic has settings of its own.
    topics: queries.map(() => topic),
  };
}

/** A topic is on every nsqd, so it is only as safe as on the weakest. */
function topicFacts({ memQueueSizes, unknown }: NsqKeeping): TopicFacts {
  const largest = Math.max(...memQueueSizes);
  const isOnDisk = largest === 0 && unknown === undefined;
  return {
    copies: 1,
    ...(largest > 0 ? { storage: 'memory' } : isOnDisk ? { storage: 'disk' } : {}),
    ...(unknown === undefined ? {} : { unknown }),
    ...(memQueueSizes.length === 0 ? {} : { settings: { mem_queue_size: largest } }),
  };
}

/**
 * Reads the settings of every nsqd that nsqlookupd lists. nsqd returns its settings only over HTTP, and only nsqlookupd knows that
 * address. Never rejects: settings that cannot be read are unknown.
 */
export async function askForKeeping({ nsqd = [], lookupd, connectionTimeoutMs }: Asked): Promise<NsqKeeping> {
  if (lookupd === undefined) return { memQueueSizes: [], unknown: NO_LOOKUPD };
  const { nsqds, problems } = await listNsqds(lookupd);
  const sizes = await Promise.all(nsqds.map(({ httpUrl }) => memQueueSizeAt(httpUrl, connectionTimeoutMs)));
  const memQueueSizes = sizes.filter((size) => size !== undefined);
  const silent = sizes.length - memQueueSizes.length;
  const unlisted = nsqd.filter((address) => !nsqds.some((listed) => listed.address === address)).length;
  const reasons = [
    ...(problems.length > 0 ? [`${problems.length} of ${lookupd.length} nsqlookupd did not list the nsqd`] : []),
    ...(nsqds.length === 0 && problems.length === 0 ? ['nsqlookupd lists no nsqd'] : []),
    ...(silent > 0 ? [`${silent} of ${sizes.length} nsqd did not return the settings over HTTP`] : []),
    ...(unlisted > 0 ? [`nsqlookupd does not list ${unlisted} of the nsqd addresses in nsq()`] : []),
  ];
  return { memQueueSizes, ...(reasons.length === 0 ? {} : { unknown: reasons.join(', and ') }) };
}

type Asked = Pick<ResolvedNsqOptions, 'nsqd' | 'lookupd' | 'connectionTimeoutMs'>;

const NO_LOOKUPD = 'nsqd returns its settings only over HTTP, and without lookupd in nsq() the HTTP address is unknown';

async function memQueueSizeAt(httpUrl: string, timeoutMs: number): Promise<number | undefined> {
  try {
    const size = await new NsqdAdmin(httpUrl, timeoutMs).config('mem_queue_size');
    return Number.isSafeInteger(size) ? (size as number) : undefined;
  } catch {
    // Counted as an nsqd that did not return its settings.
    return undefined;
  }
}
