import { option } from '../../shared/index.js';
import { CONSUMING_RULES, type ConsumingOptions } from '../../consuming/index.js';

/** The options of one handler's subscription. Missing options come from `subscriptions` of the module, then from the defaults. */
export interface SubscribeOptions extends ConsumingOptions {
  /** The consumer group: every group receives all messages, the members of one group share them. @default the module's `service` */
  readonly group?: string;
  /** The name of one of the module's `brokers`. @default the module's default broker */
  readonly broker?: string;
}

export const SUBSCRIBE_RULES = {
  ...CONSUMING_RULES,
  group: option.text,
  broker: option.text,
} as const satisfies Record<keyof SubscribeOptions, unknown>;
