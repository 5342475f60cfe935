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

/** A subscription, as far as its guarantee hangs on it. */
export interface GuaranteeSubject {
  readonly topic: string;
  readonly group: string;
  /** How an error names the place in the code. */
  readonly where: string;
  readonly deadLetterTopic: string | undefined;
  /** Where messages wait between tiers; undefined where the broker keeps them. */
  readonly retryTopics?: readonly string[] | undefined;
  readonly options: ResolvedConsumingOptions;
}

/** A setting of the broker that lowers what can be promised, and the topics it is true of. */
export interface LoweredGuarantee {
  readonly topics: readonly string[];
  readonly reason: GuaranteeReason;
}

/** What can be promised of the subscriptions on one broker, from the time it was asked. */
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

  /** What the broker said when it was asked last. */
  get answer(): FactsAnswer {
    return this.#answer;
  }

  /** Asks the broker for its settings. Never rejects. @param connect whether it is to be connected first */
  async ask(connect = false): Promise<FactsAnswer> {
    return (this.#answer = await askForFacts(this.#connection, this.#subjects.flatMap(queriesOf), connect));
  }

  of({ topic, group, deadLetterTopic, retryTopics, options }: GuaranteeSubject): Guarantee {
    const { capabilities } = this.#broker;
    return guaranteeOf({ topic, group, deadLetterTopic, retryTopics, options, capabilities, answer: this.#answer });
  }

  /**
   * Refuses subscriptions that promise less than they should. Before the broker was asked only what no answer of it can mend.
   * @throws TransportError `TRANSPORT_GUARANTEE_UNMET`
   */
  refuseUnmet(): void {
    const unmet = this.#subjects.flatMap((subject) => this.#shortfall(subject));
    if (unmet.length === 0) return;
    const { driver } = this.#broker;
    throw new TransportError(
      'TRANSPORT_GUARANTEE_UNMET',
      `${unmet.join(' ')} Or accept less: set guarantee to the level that is enough, for example 'may-lose'.`,
      { driver },
    );
  }

  /** What lowers a guarantee without anybody having asked for it; nothing where `guarantee` says what is wanted. */
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
    const told = reasons.filter(({ effect }) => effect !== 'note' && !isAtLeast(effect, options.guarantee ?? level));
    return [
      `${where}, topic "${topic}", group "${group}": guarantee is to be '${options.guarantee}' and is '${level}'. ${told.map(sentenceOf).join(' ')}`,
    ];
  }
}

function queriesOf(subject: GuaranteeSubject): TopicQuery[] {
  const { topic, group } = subject;
  return [{ topic, group }, ...copyTopicsOf(subject).map((each) => ({ topic: each, group: undefined }))];
}

/** `Topic "orders": one server alone keeps each message. Let three servers keep each message.` */
function sentenceOf({ topic, why, remedy }: GuaranteeReason): string {
  return `${topic === undefined ? 'Here' : `Topic "${topic}"`}: ${why}. ${remedy}`;
}
