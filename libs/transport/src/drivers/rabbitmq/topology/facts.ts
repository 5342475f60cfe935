import type { BrokerFacts, TopicFacts, TopicQuery } from '../../../contract/index.js';
import type { ResolvedRabbitmqOptions } from '../options.js';

type Keeping = Pick<ResolvedRabbitmqOptions, 'queueType' | 'queueArguments' | 'provision' | 'republishMs'>;

const WAYS_OUT = {
  'one-copy': "Leave queueType out of rabbitmq(), or write queueType: 'quorum', on a cluster of three nodes.",
  'not-readable': "Look at the queue on the server's management page.",
  'starts-new': 'Start the service, which makes its queue, before the first publish that it wants.',
  repeats: 'Let handlers know a message by its id, which stays the same.',
} as const satisfies BrokerFacts['remedy'];

const NODES_UNKNOWN = 'AMQP does not tell how many nodes keep a quorum queue';
const NOT_OURS = 'AMQP does not tell how a queue keeps messages that was not declared here (provision: false)';

/**
 * From the options to facts. AMQP shows no setting of a queue, but a start that finds a queue with other settings than its
 * own is refused: what was declared is what there is. Pure.
 * @param isKept whether there is a queue, for each question
 */
export function factsOf(options: Keeping, queries: readonly TopicQuery[], isKept: readonly boolean[]): BrokerFacts {
  const { queueType, provision, republishMs } = options;
  return {
    confirmedBy: 'all',
    ...(republishMs > 0 ? { idempotent: false } : {}),
    settings: { queueType, provision, republishMs },
    remedy: WAYS_OUT,
    topics: queries.map(({ group }, index) => (isKept[index] === true ? topicFacts(options, group) : undefined)),
  };
}

function topicFacts({ queueType, queueArguments, provision }: Keeping, group: string | undefined): TopicFacts {
  if (!provision) return { unknown: NOT_OURS };
  // n.b. more arguments are the groups' queues' own: the queue that holds dead letters has none of them.
  const ttlMs = group === undefined ? undefined : queueArguments?.['x-message-ttl'];
  const isQuorum = queueType === 'quorum';
  return {
    storage: 'disk',
    ...(isQuorum ? { staleElection: false, unknown: NODES_UNKNOWN } : { copies: 1 }),
    ...(typeof ttlMs === 'number' ? { keptMs: ttlMs } : {}),
    settings: { 'x-queue-type': queueType, ...(group === undefined ? {} : queueArguments) },
  };
}
