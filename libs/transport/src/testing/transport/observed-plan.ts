import type { Delivery } from '../../contract/index.js';
import type { Handler, SubscriptionPlan } from '../../consuming/index.js';
import { restOf } from '../../nest/handlers/completion.js';
import type { TestWorld } from './test-world.js';

/** The same subscription, with handlers that are written down, and whose publishes are known to be theirs. */
export function observed(plan: SubscriptionPlan, world: TestWorld): SubscriptionPlan {
  return { ...plan, routes: plan.routes.map((route) => ({ ...route, handle: observedHandler(route.handle, world) })) };
}

function observedHandler(handle: Handler, world: TestWorld): Handler {
  return (payload, context) => {
    // A batch handler gets an array of each.
    const deliveries = [context].flat() as readonly Delivery[];
    const [first] = deliveries as readonly [Delivery];
    return world.asHandler(first.group, deliveries, () => written(handle, payload, context, deliveries, world));
  };
}

async function written(
  handle: Handler,
  payload: unknown,
  context: Delivery,
  deliveries: readonly Delivery[],
  { history }: TestWorld,
): Promise<unknown> {
  for (const { id, topic, group, attempt } of deliveries) history.add({ what: 'handle', id, topic, group, attempt });
  const ended = (outcome: 'ok' | 'failed'): void => {
    for (const { id, topic, group } of deliveries) history.add({ what: 'handled', id, topic, group, outcome });
  };
  try {
    const result: unknown = await handle(payload, context);
    // Why here: what a stream does on its way belongs to the handler too.
    const rest = restOf(result);
    if (rest !== undefined) await rest;
    ended('ok');
    return rest === undefined ? result : undefined;
  } catch (error) {
    ended('failed');
    throw error;
  }
}
