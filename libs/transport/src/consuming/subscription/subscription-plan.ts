import type { ConsumingOptions } from '../consuming-options.js';
import type { Route } from '../runner/route.js';

/** One subscription as declared: topic, group, options and handlers. */
export interface SubscriptionPlan {
  readonly topic: string;
  readonly group: string;
  /** The location in the user's code, for errors: `InventoryController.reserve`. */
  readonly where: string;
  readonly options: ConsumingOptions;
  readonly routes: readonly Route[];
}
