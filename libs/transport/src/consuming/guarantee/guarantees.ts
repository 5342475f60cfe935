import {
  GUARANTEE_REASONS,
  isAtLeast,
  TransportError,
  type Broker,
  type BrokerConnection,
  type Guarantee,
  type GuaranteeReason,
  type TopicQuery,
} from '../../contract/index.js';
import { askForFacts, NOT_ASKED, type FactsAnswer } from './broker-facts.js';
import type { ResolvedConsumingOptions } from '../consuming-options.js';
import { guaranteeOf } from './guarantee.js';
import { copyTopicsOf } from '../retry-topics/retry-topics.js';

/** The parts of a subscription that its guarantee depends on. */
export interface GuaranteeSubject {
  readonly topic: string;
  readonly group: string;
  /** The location in the user's code, for errors. */
  readonly where: string;
  readonly deadLetterTopic: string | undefined;
  /** Topics where messages wait between tiers; undefined if the broker keeps them. */
  readonly retryTopics?: readonly string[] | undefined;
  readonly options: ResolvedConsumingOptions;
}

/** A broker setting that weakens the guarantee, and the topics that it affects. */
export interface LoweredGuarantee {
  readonly topics: readonly string[];
  readonly reason: GuaranteeReason;
}

/** Computes the guarantees of the subscriptions on one broker, from the settings it last reported. */
export class Guarantees {
  readonly #broker: Broker;
  readonly #connection: BrokerConnection;
  readonly #subjects: readonly GuaranteeSubject[];
  #answer: FactsAnswer = NOT_ASKED;

  constructor(broker: Broker, connection: BrokerConnection, subjects: readonly GuaranteeSubject[]) {
    this.#broker = broker;
    this.#connection = connection;
    this.#subjects = subjects;
  }

  /** The settings that the broker last reported. */
  get answer(): FactsAnswer {
    return this.#answer;
  }

  /** Queries the broker for its settings. Never rejects. @param connect whether to connect first */
  async ask(connect = false): Promise<FactsAnswer> {
    return (this.#answer = await askForFacts(this.#connection, this.#subjects.flatMap(queriesOf), connect));
  }

  of({ topic, group, deadLetterTopic, retryTopics, options }: GuaranteeSubject): Guarantee {
    const { capabilities } = this.#broker;
    return guaranteeOf({ topic, group, deadLetterTopic, retryTopics, options, capabilities, answer: this.#answer });
  }

  /**
   * Rejects subscriptions with a weaker guarantee than required. Until the broker has been queried, rejects only what
   * no broker setting could fix.
   * @throws TransportError `TRANSPORT_GUARANTEE_UNMET`
   */
  refuseUnmet(): void {
    const unmet = this.#subjects.flatMap((subject) => this.#shortfall(subject));
    if (unmet.length === 0) return;
    const { driver } = this.#broker;
    throw new TransportError(
      'TRANSPORT_GUARANTEE_UNMET',
      `${unmet.join(' ')} Or accept less: set guarantee to the lower level, for example 'may-lose'.`,
      { driver },
    );
  }

  /** Returns the unrequested reasons that weaken a guarantee; none for a subscription that sets `guarantee`. */
  surprises(): readonly LoweredGuarantee[] {
    const byReason = new Map<string, { readonly topics: Set<string>; readonly reason: GuaranteeReason }>();
    const silent = this.#subjects.filter(({ options }) => options.guarantee === undefined);
    for (const { subject, reason } of silent.flatMap((subject) => this.#reasons(subject))) {
      if (!this.#surprises(reason)) continue;
      const lowered = byReason.get(reason.why) ?? { topics: new Set<string>(), reason };
      byReason.set(reason.why, { ...lowered, topics: lowered.topics.add(reason.topic ?? subject.topic) });
    }
    return [...byReason.values()].map(({ topics, reason }) => ({ topics: [...topics], reason }));
  }

  #reasons(subject: GuaranteeSubject): { readonly subject: GuaranteeSubject; readonly reason: GuaranteeReason }[] {
    return this.of(subject).reasons.map((reason) => ({ subject, reason }));
  }

  #surprises({ code }: GuaranteeReason): boolean {
    return 'surprises' in GUARANTEE_REASONS[code] && this.#answer.facts?.inherent?.includes(code) !== true;
  }

  #shortfall(subject: GuaranteeSubject): string[] {
    const { topic, group, where, options } = subject;
    const { level, reasons } = this.of(subject);
    if (options.guarantee === undefined || isAtLeast(level, options.guarantee)) return [];
    if (this.#answer === NOT_ASKED && level === 'unknown') return [];
    const lowering = reasons.filter(
      ({ effect }) => effect !== 'note' && !isAtLeast(effect, options.guarantee ?? level),
    );
    return [
      `${where}, topic "${topic}", group "${group}": guarantee '${options.guarantee}' is required, but the guarantee is '${level}'. ${lowering.map(sentenceOf).join(' ')}`,
    ];
  }
}

function queriesOf(subject: GuaranteeSubject): TopicQuery[] {
  const { topic, group } = subject;
  return [{ topic, group }, ...copyTopicsOf(subject).map((each) => ({ topic: each, group: undefined }))];
}

/** `Topic "orders": each message is stored on a single server. Store each message on three servers.` */
function sentenceOf({ topic, why, remedy }: GuaranteeReason): string {
  return `${topic === undefined ? 'Here' : `Topic "${topic}"`}: ${why}. ${remedy}`;
}
