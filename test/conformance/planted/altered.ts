import type { Broker, Delivery, DeliverySink, Settlement, Subscription } from 'nest-transport';
import { wrapBroker } from 'nest-transport/testing';

export const ACK: Settlement = { kind: 'ack' };

/** Fields and methods that a fault puts over those of a delivery. They keep their own values when they are written to. */
export type Alterations = { -readonly [Field in keyof Delivery]?: Delivery[Field] };

/** The same delivery with something else about it; everything not named is the driver's own. */
export function altered(delivery: Delivery, alterations: Alterations): Delivery {
  return new Proxy(delivery, {
    get(target, field) {
      if (field in alterations) return alterations[field as keyof Delivery];
      const value: unknown = Reflect.get(target, field, target);
      // Why bound: the driver's delivery has private fields, which a proxy has not.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
    set(target, field, value) {
      return Reflect.set(field in alterations ? alterations : target, field, value);
    },
  });
}

/** A broker whose deliveries are altered on their way to the application. */
export function alteringBroker(broker: Broker, alter: (delivery: Delivery) => Alterations): Broker {
  return wrapBroker(broker, () => ({
    receive: (deliveries, go) => go(deliveries.map((delivery) => altered(delivery, alter(delivery)))),
  }));
}

/** A broker that does something else than its driver with what goes to a sink. */
export function sinkBroker(
  broker: Broker,
  between: (sink: DeliverySink, subscription: Subscription) => DeliverySink,
): Broker {
  return wrapBroker(broker, () => ({
    consume: (subscriptions, go) =>
      go(subscriptions.map(({ subscription, sink }) => ({ subscription, sink: between(sink, subscription) }))),
  }));
}

/** A broker that calls `settling` before the driver learns of a settlement. */
export function watchingSettlements(
  broker: Broker,
  settling: (delivery: Delivery, settlement: Settlement) => void,
): Broker {
  return alteringBroker(broker, (delivery) => ({
    settle: (settlement) => {
      settling(delivery, settlement);
      return delivery.settle(settlement);
    },
  }));
}
