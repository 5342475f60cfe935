import type { Broker, Delivery } from '../../contract/index.js';
import { wrapBroker } from '../faults/wrap-broker.js';

/** Records the deliveries of a driver, between driver and consumer. */
export class Intake {
  readonly deliveries: Delivery[] = [];
  /** Deliveries that arrived although the sink had paused the driver. */
  readonly unasked: Delivery[] = [];

  unsettledOf(id: string): Delivery | undefined {
    return this.deliveries.find((delivery) => delivery.id === id && delivery.state !== 'settled');
  }
}

/** Wraps a broker and records its deliveries. Checks backpressure: a paused stream must deliver nothing. */
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
