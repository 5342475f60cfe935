import { askForFacts, publishingGuaranteeOf, type FactsAnswer } from '../../consuming/index.js';
import type { BrokerRuntime } from '../broker-runtime.js';
import { describeSubscription, type BrokerDescription, type TransportDescription } from './description.js';
import type { TransportRuntime } from '../transport-runtime.js';

/** The options of `TransportDescriber.describe`. */
export interface DescribeOptions {
  /** `true`: queries no broker. Settings that were read at start still count; without them, guarantees are at best `'unknown'`. @default false */
  readonly offline?: boolean;
}

/**
 * Describes the application: its brokers, and its subscriptions with all defaults and the computed guarantee of each.
 * Inject it, or use `app.get(TransportDescriber)`. `describeTransport(AppModule)` works without a running application.
 */
export class TransportDescriber {
  readonly #runtime: TransportRuntime;

  constructor(runtime: TransportRuntime) {
    this.#runtime = runtime;
  }

  /** Queries the brokers' actual settings and returns the description. Read-only. For a broker that does not answer, settings are empty and `problem` says why. */
  async describe({ offline = false }: DescribeOptions = {}): Promise<TransportDescription> {
    const { service, consume } = this.#runtime.options;
    const connect = this.#runtime.phase === 'created';
    const parts = await Promise.all(
      [...this.#runtime.brokers.values()].map(async (broker) =>
        partsOf(broker, offline ? broker.facts : await ask(broker, connect)),
      ),
    );
    return {
      service,
      consumes: consume,
      brokers: parts.map(({ broker }) => broker),
      subscriptions: parts.flatMap(({ subscriptions }) => subscriptions),
    };
  }
}

async function ask({ connection, guarantees }: BrokerRuntime, connect: boolean): Promise<FactsAnswer> {
  return guarantees === undefined ? askForFacts(connection, [], connect) : guarantees.ask(connect);
}

function partsOf(broker: BrokerRuntime, answer: FactsAnswer) {
  const { name, driver, capabilities, subscriptions } = broker;
  const { facts, reason } = answer;
  const described: BrokerDescription = {
    name,
    driver,
    capabilities,
    publishing: publishingGuaranteeOf(capabilities, answer),
    settings: facts?.settings ?? {},
    ...(facts === undefined && reason.code === 'not-readable' ? { problem: reason.why } : {}),
  };
  return {
    broker: described,
    subscriptions: subscriptions.map((each) =>
      describeSubscription(broker, each, answer.of(each.topic, each.group)?.settings),
    ),
  };
}
