import { option } from '../../shared/index.js';
import { CONSUMING_RULES, type ConsumingOptions } from '../../consuming/index.js';

/** How one handler's subscription treats its messages. What is left out comes from `subscriptions` of the module, then from the defaults. */
export interface SubscribeOptions extends ConsumingOptions {
  /** Who shares the messages: every group gets all of them, the members of one group share. @default the module's `service` */
  readonly group?: string;
  /** Which of the module's `brokers`. @default the module's default broker */
  readonly broker?: string;
}

export const SUBSCRIBE_RULES = {
  ...CONSUMING_RULES,
  group: option.text,
  broker: option.text,
} as const satisfies Record<keyof SubscribeOptions, unknown>;
