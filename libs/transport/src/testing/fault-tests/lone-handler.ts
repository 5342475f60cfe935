import {
  contextOf,
  Notices,
  type BrokerConnection,
  type BrokerHost,
  type Delivery,
  type EventDefinition,
} from '../../contract/index.js';
import { Consumer, type ConsumingOptions, type Handler } from '../../consuming/index.js';
import { memory } from '../../drivers/memory/index.js';
import { createPublisher, type ClosablePublisher } from '../../publishing/index.js';
import type { RandomFaultsOptions } from '../faults/random-faults-options.js';
import { observedBroker } from '../transport/observed-broker.js';
import { observed } from '../transport/observed-plan.js';
import type { TestWorld } from '../transport/test-world.js';

const BROKER = 'default';
const DRAIN_MS = 1_000;

/** One handler with a subscription of its own, without an application around it. */
export class LoneHandler<In, Out> {
  readonly #event: EventDefinition<In, Out>;
  readonly #world: TestWorld;
  readonly #connection: BrokerConnection;
  readonly #publisher: ClosablePublisher;
  readonly #consumer: Consumer;

  constructor(
    handle: (payload: Out, context: never) => unknown,
    event: EventDefinition<In, Out>,
    world: TestWorld,
    { faults, subscription }: { readonly faults: RandomFaultsOptions; readonly subscription: ConsumingOptions },
  ) {
    const broker = observedBroker(memory(), BROKER, world, faults);
    const host: BrokerHost = { service: 'fault-test', broker: BROKER, notices: new Notices(), clock: world.clock };
    world.listen(host.notices);
    this.#event = event;
    this.#world = world;
    this.#connection = broker.open(host);
    this.#publisher = createPublisher(broker, this.#connection, host, {});
    // The runner passes the schema's output, which is the handler's parameter.
    const { type, schema, codec, topic } = event;
    const route = { type, schema, codec, keyed: event.key !== undefined, handle: withContext(handle) };
    const plan = { topic, group: 'fault-test', where: 'the fault test', options: subscription, routes: [route] };
    this.#consumer = new Consumer(broker, this.#connection, host, [observed(plan, world)], { random: world.random });
  }

  async start(): Promise<void> {
    this.#publisher.start();
    await this.#consumer.start();
  }

  async publish(payload: In): Promise<void> {
    await this.#world.asTest(() => this.#publisher.publish(this.#event, payload));
  }

  async close(): Promise<void> {
    await this.#consumer.drain(DRAIN_MS);
    await this.#publisher.close(DRAIN_MS);
    await this.#connection.close();
  }
}

/** As in an application, the handler gets the context of its message, or the array of them. */
function withContext<Out>(handle: (payload: Out, context: never) => unknown): Handler {
  return (payload, delivery) => {
    const context = Array.isArray(delivery) ? (delivery as Delivery[]).map(contextOf) : contextOf(delivery);
    return handle(payload as Out, context as never);
  };
}
