import { askForFacts, publishingGuaranteeOf, type FactsAnswer } from '../../consuming/index.js';
import type { BrokerRuntime } from '../broker-runtime.js';
import { describeSubscription, type BrokerDescription, type TransportDescription } from './description.js';
import type { TransportRuntime } from '../transport-runtime.js';

/** How to describe. */
export interface DescribeOptions {
  /** `true`: no broker is asked. What one said at start still counts; where none was asked, guarantees are `'unknown'` at best. @default false */
  readonly offline?: boolean;
}

/**
 * Tells what the application is: its brokers, and its subscriptions with every default filled in and the computed guarantee of
 * each. Inject it, or `app.get(TransportDescriber)`; `describeTransport(AppModule)` does it without a running application.
 */
export class TransportDescriber {
  readonly #runtime: TransportRuntime;

  constructor(runtime: TransportRuntime) {
    this.#runtime = runtime;
  }

  /** Asks the brokers how they really keep messages. Reads only. A broker that does not answer is described as far as it is known. */
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
