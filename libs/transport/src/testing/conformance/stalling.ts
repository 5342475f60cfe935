import { setTimeout as pause } from 'node:timers/promises';
import type { Broker } from '../../contract/index.js';
import { wrapBroker } from '../faults/wrap-broker.js';
import type { Application, SubscriptionSpec } from './application.js';
import type { Stage } from './stage.js';

/** Longer than the silence that is taken for the end of a topic where the driver cannot say where that is. */
const STALL_MS = 1_500;
const READINGS = /\.replay\.|^dead-letter-admin/;

/**
 * An application whose broker stalls in each delivery to a replay or the dead-letter admin, though it is up. Where the driver says where a
 * topic ends, that must hide nothing; where it cannot, the broker does not stall: silence is the end there, as documented.
 */
export async function openStalling(stage: Stage, subscriptions: readonly SubscriptionSpec[]): Promise<Application> {
  const application = stage.prepare({ subscriptions, publishesTo: [] }, stalling(stage.broker));
  await stage.watch.within('an application starts', application.start());
  return application;
}

function stalling(broker: Broker): Broker {
  return wrapBroker(broker, () => {
    /** Whether the reading of a group knows its end. */
    const known = new Map<string, Promise<boolean>>();
    return {
      consume: (subscriptions, go) => {
        const consumption = go(subscriptions);
        const knowsEnd = consumption.then(
          (running) => running.untilEnd !== undefined,
          () => false,
        );
        for (const { subscription } of subscriptions) known.set(subscription.group, knowsEnd);
        return consumption;
      },
      receive: (deliveries, go, { group }) => {
        if (!READINGS.test(group)) return go(deliveries);
        return (async () => {
          if ((await known.get(group)) === true) await pause(STALL_MS);
          await go(deliveries);
        })();
      },
    };
  });
}
