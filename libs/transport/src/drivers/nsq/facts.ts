import type { BrokerFacts, TopicFacts, TopicQuery } from '../../contract/index.js';
import { listNsqds, NsqdAdmin } from './client/index.js';
import type { ResolvedNsqOptions } from './options.js';

/** What is known of how the nsqd of an application keep messages: settings of the servers, the same for all topics. */
export interface NsqKeeping {
  /** Messages of a topic or channel that an nsqd keeps in memory before it writes to disk; of each that answered. */
  readonly memQueueSizes: readonly number[];
  /** Why not all of them did: one sentence, without addresses. */
  readonly unknown?: string;
}

/** What an nsqd has that nobody set otherwise. */
const USUAL_MEM_QUEUE_SIZE = 10_000;

const WAYS_OUT = {
  'kept-in-memory':
    'An end by SIGTERM writes them to disk, a kill does not. Start nsqd with -mem-queue-size=0: then a kill costs what is in flight or deferred, and what came in the last 2 s (-sync-timeout).',
  'not-durable':
    'Nothing changes that: nsqd that ends by SIGTERM keeps what waits, and one that is killed forgets what is in flight or deferred.',
  'one-copy': 'NSQ copies no message: take a broker that does where the loss of a disk must lose nothing.',
  'confirmed-by-leader': 'NSQ copies no message: take a broker that does where the loss of a server must lose nothing.',
  'starts-new': 'Start the service, or make its channel, before the first publish that it wants.',
  'not-readable': 'Name lookupd in nsq(), or look yourself: curl http://<nsqd>:4151/config/mem_queue_size.',
} as const satisfies BrokerFacts['remedy'];

/** From what nsqd say of themselves to facts. Pure. */
export function factsOf(queries: readonly TopicQuery[], keeping: NsqKeeping): BrokerFacts {
  const topic = topicFacts(keeping);
  const isUsual = Math.max(0, ...keeping.memQueueSizes) <= USUAL_MEM_QUEUE_SIZE;
  return {
    confirmedBy: 'one',
    inherent: ['one-copy', 'confirmed-by-leader', ...(isUsual ? (['kept-in-memory'] as const) : [])],
    remedy: WAYS_OUT,
    // n.b. nsqd makes a topic when it is first used, and no topic has settings of its own.
    topics: queries.map(() => topic),
  };
}

/** n.b. a topic lives on every nsqd, so it is as safe as at the weakest. */
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
 * Asks every nsqd that nsqlookupd lists. nsqd tells its settings over HTTP only, and nobody else knows where that is. Never
 * rejects: what does not answer is not known.
 */
export async function askForKeeping({ nsqd = [], lookupd, connectionTimeoutMs }: Asked): Promise<NsqKeeping> {
  if (lookupd === undefined) return { memQueueSizes: [], unknown: NOBODY_TO_ASK };
  const { nsqds, problems } = await listNsqds(lookupd);
  const sizes = await Promise.all(nsqds.map(({ httpUrl }) => memQueueSizeAt(httpUrl, connectionTimeoutMs)));
  const memQueueSizes = sizes.filter((size) => size !== undefined);
  const silent = sizes.length - memQueueSizes.length;
  const unlisted = nsqd.filter((address) => !nsqds.some((listed) => listed.address === address)).length;
  const reasons = [
    ...(problems.length > 0
      ? [`${problems.length} of ${lookupd.length} nsqlookupd did not say which nsqd there are`]
      : []),
    ...(nsqds.length === 0 && problems.length === 0 ? ['nsqlookupd lists no nsqd'] : []),
    ...(silent > 0 ? [`${silent} of ${sizes.length} nsqd did not tell its settings over HTTP`] : []),
    ...(unlisted > 0 ? [`nsqlookupd lists ${unlisted} of the nsqd in nsq() not under that address`] : []),
  ];
  return { memQueueSizes, ...(reasons.length === 0 ? {} : { unknown: reasons.join(', and ') }) };
}

type Asked = Pick<ResolvedNsqOptions, 'nsqd' | 'lookupd' | 'connectionTimeoutMs'>;

const NOBODY_TO_ASK = 'nsqd tells its settings over HTTP only, and without lookupd in nsq() nobody says where';

async function memQueueSizeAt(httpUrl: string, timeoutMs: number): Promise<number | undefined> {
  try {
    const size = await new NsqdAdmin(httpUrl, timeoutMs).config('mem_queue_size');
    return Number.isSafeInteger(size) ? (size as number) : undefined;
  } catch {
    // It is counted among those that did not tell.
    return undefined;
  }
}
