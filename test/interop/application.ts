import { Controller, Module, type INestApplication } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  createTransportApp,
  defineEvent,
  Publisher,
  Subscribe,
  TransportModule,
  type Broker,
  type Codec,
  type MessageContext,
  type PublishOptions,
} from 'nest-transport';
import { uniqueName } from '../brokers/names.mjs';

/** What a handler was given. */
export interface Received {
  readonly payload: unknown;
  readonly context: MessageContext;
}

export type Order = { orderId: string; note?: string };

class Inbox {
  readonly #received: Received[] = [];
  #heard: () => void = () => undefined;

  add(received: Received): void {
    this.#received.push(received);
    this.#heard();
  }

  async first(count: number): Promise<Received[]> {
    while (this.#received.length < count) await new Promise<void>((resolve) => (this.#heard = resolve));
    return this.#received.slice(0, count);
  }
}

/** A whole application as users write it, on one topic; foreign clients are on the other side of the broker. */
export class Application {
  readonly #app: INestApplication;
  readonly #event: ReturnType<typeof orderOn>;
  readonly #inbox: Inbox;

  private constructor(app: INestApplication, event: ReturnType<typeof orderOn>, inbox: Inbox) {
    [this.#app, this.#event, this.#inbox] = [app, event, inbox];
  }

  static async start(broker: Broker, topic: string, codec?: Codec): Promise<Application> {
    const event = orderOn(topic);
    const inbox = new Inbox();
    const coded = codec === undefined ? {} : { codec };
    @Controller()
    class Receiver {
      @Subscribe(event)
      handle(@Payload() payload: unknown, @Ctx() context: MessageContext): void {
        inbox.add({ payload, context });
      }
    }
    @Module({
      imports: [TransportModule.forRoot({ service: uniqueName('interop'), broker, ...coded, logger: false })],
      controllers: [Receiver],
    })
    class AppModule {}
    const app = await createTransportApp(AppModule, { exitOnSignal: false, logger: false });
    await app.init();
    return new Application(app, event, inbox);
  }

  publish(order: Order, options?: PublishOptions): Promise<unknown> {
    return this.#app.get(Publisher).publish(this.#event, order, options);
  }

  /** The first messages, when so many have come. */
  received(count: number): Promise<Received[]> {
    return this.#inbox.first(count);
  }

  async close(): Promise<void> {
    await this.#app.close();
  }
}

/** The key of an order is its id. */
function orderOn(topic: string) {
  return defineEvent<Order>('order.created', { topic, key: (order) => order.orderId });
}
