import { setTimeout as after } from 'node:timers/promises';
import type { Broker, Delivery, DeliverySink } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { altered, sinkBroker, type Alterations } from './altered.js';

/**
 * A broker that takes a failed message away from its runner and delivers it anew, behind whatever came meanwhile.
 * @param wait the delay it keeps when asked for one; undefined: it never comes again
 */
export function requeueing(wait: (delayMs: number) => number | undefined): Broker {
  return sinkBroker(memory(), (sink) => ({
    receive: (deliveries) =>
      sink.receive(deliveries.map((delivery) => returning(delivery, delivery.attempt, sink, wait))),
    revoked: () => sink.revoked(),
  }));
}

function returning(
  delivery: Delivery,
  attempt: number,
  sink: DeliverySink,
  wait: (delayMs: number) => number | undefined,
): Delivery {
  const alterations: Alterations = {
    attempt,
    // n.b. a state of its own: the driver's delivery stays unsettled while this copy of it is taken away.
    state: 'queued',
    // And it forgets what the runner wanted to wait for, or the runner would mend the fault.
    notBeforeMs: 0,
    laneNext: undefined,
    settle: (settlement) => {
      if (alterations.state === 'revoked' || alterations.state === 'settled') return false;
      alterations.state = 'settled';
      return delivery.settle(settlement);
    },
    revoke: () => void (alterations.state = 'revoked'),
    // n.b. of this copy, too: the driver's delivery behind it is never revoked, and a copy that was taken away would run again.
    mayBegin: () => alterations.state !== 'revoked',
    park: (nextAttempt, delayMs) => {
      void deliverAnew(wait(delayMs), () => {
        alterations.state = 'revoked';
        sink.revoked();
        return returning(delivery, nextAttempt, sink, wait);
      });
    },
  };
  const deliverAnew = async (delayMs: number | undefined, takeAway: () => Delivery): Promise<void> => {
    await Promise.resolve();
    const again = takeAway();
    if (delayMs === undefined) return;
    if (delayMs > 0) await after(delayMs);
    if (delivery.state !== 'revoked') void sink.receive([again]);
  };
  return altered(delivery, alterations);
}
