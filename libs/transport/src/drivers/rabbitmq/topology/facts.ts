import type { BrokerFacts, TopicFacts, TopicQuery } from '../../../contract/index.js';
import type { ResolvedRabbitmqOptions } from '../options.js';

type Keeping = Pick<ResolvedRabbitmqOptions, 'queueType' | 'queueArguments' | 'provision' | 'republishMs'>;

const REMEDIES = {
  'one-copy': "Use queueType: 'quorum' (the default) on a cluster of three nodes.",
  'not-readable': 'Check the queue in the RabbitMQ management UI.',
  'starts-new': 'Start the service before the first publish: its start declares the queue.',
  repeats: 'Make handlers idempotent: the message id stays the same when a message is sent again.',
} as const satisfies BrokerFacts['remedy'];

const NODES_UNKNOWN = 'AMQP does not report how many nodes hold a quorum queue';
const NOT_OURS = 'AMQP does not report the settings of a queue that was not declared here (provision: false)';

/**
 * Derives facts from the options. AMQP shows no arguments of a queue, but declaring an existing queue with different arguments
 * fails, so the options describe the queue. Pure.
 * @param isKept whether a queue exists, for each query
 */
export function factsOf(options: Keeping, queries: readonly TopicQuery[], isKept: readonly boolean[]): BrokerFacts {
  const { queueType, provision, republishMs } = options;
  return {
    confirmedBy: 'all',
    ...(republishMs > 0 ? { idempotent: false } : {}),
    settings: { queueType, provision, republishMs },
    remedy: REMEDIES,
    topics: queries.map(({ group }, index) => (isKept[index] === true ? topicFacts(options, group) : undefined)),
  };
}

function topicFacts({ queueType, queueArguments, provision }: Keeping, group: string | undefined): TopicFacts {
  if (!provision) return { unknown: NOT_OURS };
  // queueArguments apply only to queues of groups, not to the queue that holds dead letters.
  const ttlMs = group === undefined ? undefined : queueArguments?.['x-message-ttl'];
  const isQuorum = queueType === 'quorum';
  return {
    storage: 'disk',
    ...(isQuorum ? { staleElection: false, unknown: NODES_UNKNOWN } : { copies: 1 }),
    ...(typeof ttlMs === 'number' ? { keptMs: ttlMs } : {}),
    settings: { 'x-queue-type': queueType, ...(group === undefined ? {} : queueArguments) },
  };
}
