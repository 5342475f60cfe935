import type { Broker, Delivery } from '../../contract/index.js';
import { wrapBroker } from '../faults/wrap-broker.js';

/** What a driver has handed over, seen at the border between driver and consumer. */
export class Intake {
  readonly deliveries: Delivery[] = [];
  /** Deliveries handed over although the sink had asked the driver to wait. */
  readonly unasked: Delivery[] = [];

  unsettledOf(id: string): Delivery | undefined {
    return this.deliveries.find((delivery) => delivery.id === id && delivery.state !== 'settled');
  }
}

/** The same broker, with its intake written down. Watches the one rule of back-pressure: a stream waits while it is told to. */
export function watchIntake(broker: Broker, intake: Intake): Broker {
  return wrapBroker(broker, () => {
    const waiting = new Set<string>();
    return {
      receive: (deliveries, go, { topic, group }) => {
        const streams = deliveries.map(({ partition }) => `${topic}/${group}/${partition ?? ''}`);
        intake.deliveries.push(...deliveries);
        intake.unasked.push(...deliveries.filter((_, index) => waiting.has(streams[index] as string)));
        const wait = go(deliveries);
        if (wait === undefined) return;
        streams.forEach((stream) => waiting.add(stream));
        return wait.finally(() => streams.forEach((stream) => waiting.delete(stream)));
      },
    };
  });
}
