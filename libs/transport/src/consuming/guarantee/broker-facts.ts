import {
  messageOf,
  type BrokerConnection,
  type BrokerFacts,
  type GuaranteeReason,
  type TopicFacts,
  type TopicQuery,
} from '../../contract/index.js';
import { reasonFor } from './reasons.js';

/** What is known of a broker's settings: facts, or the reason why there are none. */
export interface FactsAnswer {
  readonly facts: BrokerFacts | undefined;
  /** Counts where there are no facts. */
  readonly reason: GuaranteeReason;
  /** undefined: the topic is not there. */
  of(topic: string, group: string | undefined): TopicFacts | undefined;
}

const without = (reason: GuaranteeReason): FactsAnswer => ({ facts: undefined, reason, of: () => undefined });

/** Nobody asked. */
export const NOT_ASKED: FactsAnswer = without(reasonFor('not-asked'));

/**
 * Asks a broker how it keeps these topics. Never rejects: that nothing could be learned is an answer too.
 * @param connect whether it is to be connected first
 */
export async function askForFacts(
  connection: BrokerConnection,
  queries: readonly TopicQuery[],
  connect = false,
): Promise<FactsAnswer> {
  if (connection.describe === undefined) return without(reasonFor('not-told'));
  const asked = [...new Map(queries.map((query) => [identity(query), query])).values()];
  try {
    if (connect) await connection.connectOnce();
    const facts = await connection.describe(asked);
    const known = new Map(asked.map((query, index) => [identity(query), facts.topics[index]]));
    return { facts, reason: reasonFor('not-asked'), of: (topic, group) => known.get(identity({ topic, group })) };
  } catch (error) {
    return without(reasonFor('not-readable', { detail: messageOf(error) }));
  }
}

const identity = ({ topic, group }: TopicQuery): string => JSON.stringify([topic, group]);
