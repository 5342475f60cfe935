import type { Names } from '../names.js';
import { runnerImport, type Project } from '../project.js';

/** `index.ts`: options and the function that applications call. */
export const entryPointFile = (
  { symbol, variable }: Names,
  { suffix }: Project,
): string => `import { TransportError, type Broker } from 'nest-transport';
import { CAPABILITIES } from './capabilities${suffix}';
import { openConnection } from './connection${suffix}';

/** Options of \`${variable}\`. */
export interface ${symbol}Options {
  /** Where the broker is. */
  readonly url: string;
}

/** \`TransportModule.forRoot({ service, broker: ${variable}({ url }) })\` */
export function ${variable}(options: ${symbol}Options): Broker {
  return {
    driver: '${variable}',
    capabilities: CAPABILITIES,
    // Pure, and called before anything connects: refuse here what the broker would refuse.
    checkSubscription({ topic }): void {
      if (topic !== '') return;
      throw new TransportError('TRANSPORT_TOPIC_INVALID', '[${variable}] a topic needs a name: say which.');
    },
    open: (host) => openConnection(options, host),
  };
}
`;

/** `capabilities.ts`: what the suite holds the driver to. */
export const capabilitiesFile = (): string => `import type { Capabilities } from 'nest-transport';

/**
 * What the broker can do. The conformance suite holds the driver to each: \`native\` and \`emulated\` have to be kept, \`absent\` is
 * refused before anything starts. Begin with little that is true.
 */
export const CAPABILITIES: Capabilities = {
  groups: 'native',
  atLeastOnce: 'native',
  startFromBeginning: 'native',
  headers: 'native',
  // By the library, above any driver.
  orderByKey: 'emulated',
  redelivery: 'emulated',
  deadLetter: 'emulated',
  orderAcrossMembers: 'unsupported',
  orderByPartition: 'unsupported',
  partitions: 'unsupported',
  attempts: 'unsupported',
  durability: 'unsupported',
  everyInstance: 'unsupported',
  wildcards: 'unsupported',
  startFromTime: 'unsupported',
  startFromOffset: 'unsupported',
  delayedRedelivery: 'unsupported',
  delayedPublish: 'unsupported',
  requestReply: 'unsupported',
};
`;

/** `connection.ts`: everything that is left to be written, in the order in which it is best done. */
export const connectionFile = (
  { symbol, variable }: Names,
  { suffix }: Project,
): string => `import { TransportError, type BrokerConnection, type BrokerHost } from 'nest-transport';
import type { ${symbol}Options } from './index${suffix}';

/** The connection of one application. Nothing is dialled before \`connect\`. */
export function openConnection(_options: ${symbol}Options, _host: BrokerHost): BrokerConnection {
  return {
    // 1. Find the broker, and let go of it.
    connect: () => notWritten('connect'),
    connectOnce: () => notWritten('connectOnce'),
    health: () => ({ status: 'down', problems: ['The connection is not written yet.'] }),
    close: () => Promise.resolve(),

    // 2. Store messages: one result each, in their order, on the broker's own confirmation. It never rejects.
    producer: {
      maxBytes: 1_000_000,
      maxRequestBytes: 10_000_000,
      check: () => undefined,
      send: (messages) => Promise.resolve(messages.map(({ topic }) => notStored(topic))),
    },
    ensureTopics: () => notWritten('ensureTopics'),

    // 3. Hand ${symbol}Delivery to the sinks. What is not settled has to come again.
    consume: () => notWritten('consume'),
  };
}

const notWritten = (what: string): Promise<never> =>
  Promise.reject(new Error(\`[${variable}] \${what} is not written yet: write it in connection.ts.\`));

const notStored = (topic: string): TransportError =>
  new TransportError('TRANSPORT_PUBLISH_FAILED', '[${variable}] send is not written yet: write it in connection.ts.', {
    driver: '${variable}',
    topic,
    stored: 'no',
  });
`;

/** `delivery.ts`: one message, and the way back to the broker. */
export const deliveryFile = ({
  symbol,
}: Names): string => `import { Delivery, type OutgoingMessage, type Settlement } from 'nest-transport';

/** One message as the broker gave it. \`Raw\` is the client's own message: put its type in the place of \`OutgoingMessage\`. */
export class ${symbol}Delivery extends Delivery<OutgoingMessage> {
  readonly publishedAt = undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly raw: OutgoingMessage,
    readonly offset: string,
    group: string,
    private readonly tellBroker: (settlement: Settlement) => void,
  ) {
    super(raw.topic, group, raw.key, raw.body, 1, undefined);
    this.headers = raw.headers ?? {};
  }

  header(name: string): string | undefined {
    return this.headers[name];
  }

  /** Called at most once. It must not throw: the library believes that the broker knows. */
  protected settled(settlement: Settlement): void {
    this.tellBroker(settlement);
  }
}
`;

/** The suite: red in every promise that is not kept. */
export const conformanceSpec = (
  { variable }: Names,
  project: Project,
): string => `import { runConformance } from 'nest-transport/conformance';
${runnerImport(project, 'afterAll, afterEach, describe, test')}import { ${variable} } from './index${project.suffix}';

// Red until the driver guarantees what its capabilities say. The contract:
// https://github.com/nest-transport/nest-transport/blob/main/docs/guides/driver-authors.md
runConformance(
  { describe, test, afterEach, afterAll },
  {
    name: '${variable}',
    createBroker: () => ${variable}({ url: '${variable}://127.0.0.1' }),
    // A place where no server is.
    unreachableBroker: () => ${variable}({ url: '${variable}://127.0.0.1:1' }),
  },
);
`;
