import type { BrokerHost, Consumption, SubscriptionSink } from '../../../contract/index.js';
import { announceChannel, NsqError, type NsqClientOptions, type NsqPlaces } from '../client/index.js';
import { channelOf, Intake } from './intake.js';
import { errorOf, transportError } from '../mapping.js';
import type { ResolvedNsqOptions } from '../options.js';

/** Running intake: one channel per subscription, one connection per channel and nsqd. */
export class NsqConsumption implements Consumption {
  readonly #intakes: readonly Intake[];
  readonly #open: Set<NsqConsumption>;
  #closed: Promise<void> | undefined;

  private constructor(intakes: readonly Intake[], open: Set<NsqConsumption>) {
    this.#intakes = intakes;
    this.#open = open;
  }

  /**
   * Resolves when every channel is there and read from.
   * @param open holds the consumption until it is closed
   * @throws TransportError when one cannot be, after having closed the others
   */
  static async start(
    host: BrokerHost,
    options: ResolvedNsqOptions,
    client: NsqClientOptions & NsqPlaces,
    subscriptions: readonly SubscriptionSink[],
    open: Set<NsqConsumption>,
  ): Promise<NsqConsumption> {
    const intakes = subscriptions.map((each) => new Intake(host, options, client, each));
    const consumption = new NsqConsumption(intakes, open);
    open.add(consumption);
    await announceAll(subscriptions, options);
    if (consumption.#closed !== undefined) throw closedBeforeStart();
    const results = await Promise.allSettled(intakes.map((intake) => begin(intake)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return consumption;
    await consumption.close();
    throw failed.reason;
  }

  get problems(): readonly NsqError[] {
    return this.#intakes.flatMap(({ problems }) => problems);
  }

  /** One sentence for each nsqd that delivers nothing because an operator wants it so. */
  get pauses(): readonly string[] {
    return this.#intakes.flatMap(({ pauses }) => pauses);
  }

  get isDown(): boolean {
    return this.#intakes.some(({ isUp }) => !isUp);
  }

  waiting(): Promise<readonly (number | undefined)[]> {
    return Promise.all(this.#intakes.map((intake) => intake.waiting()));
  }

  stop(): Promise<void> {
    for (const intake of this.#intakes) intake.stop();
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all(this.#intakes.map((intake) => intake.close())).finally(() => this.#open.delete(this));
  }
}

const closedBeforeStart = () =>
  errorOf('TRANSPORT_CLOSED', 'the connection was closed before its channels were announced.');

async function begin(intake: Intake): Promise<void> {
  try {
    await intake.start();
  } catch (error) {
    if (!(error instanceof NsqError)) throw error;
    const { topic, group } = intake;
    if (error.reason === 'closed') {
      const text = `the connection was closed before channel "${group}" of "${topic}" was read from.`;
      throw errorOf('TRANSPORT_CLOSED', text, { topic, cause: error });
    }
    throw transportError(error, `cannot subscribe to "${topic}" with channel "${group}"`, { topic });
  }
}

/**
 * An nsqd that sees a topic for the first time asks nsqlookupd for its channels, so a channel that is known there misses
 * nothing, wherever the first message is published. n.b. an nsqlookupd that is away is no reason not to start.
 */
async function announceAll(subscriptions: readonly SubscriptionSink[], { lookupd }: ResolvedNsqOptions): Promise<void> {
  if (lookupd === undefined) return;
  const lasting = subscriptions.filter(({ subscription }) => subscription.delivery !== 'every-instance');
  const announced = lasting.map(({ subscription }) =>
    announceChannel(lookupd, subscription.topic, channelOf(subscription)),
  );
  await Promise.allSettled(announced);
}
