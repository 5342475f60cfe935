import type { ConsumingOptions } from '../consuming-options.js';
import type { Route } from '../runner/route.js';

/** One subscription as it is wanted: (topic, group), how its messages are treated, and who handles them. */
export interface SubscriptionPlan {
  readonly topic: string;
  readonly group: string;
  /** How a reader finds the place in the code, for errors: `InventoryController.reserve`. */
  readonly where: string;
  readonly options: ConsumingOptions;
  readonly routes: readonly Route[];
}
