import type { Codec } from '../../contract/index.js';
import type { Classifier } from '../retry/classification.js';
import type { RestOfWork } from '../runner/handler.js';

/** Settings that all subscriptions of a consumer share. */
export interface ConsumerSettings {
  /** The codec for events without their own. @default JSON */
  readonly codec?: Codec;
  /** Classifies an error before the library's table; undefined falls back to the table. */
  readonly classify?: Classifier;
  /** @default a handler's result is complete once it is awaited */
  readonly restOf?: RestOfWork;
  /** Returns a number in [0, 1), for the jitter of delays. @default Math.random */
  readonly random?: () => number;
  /** Whether handlers can pause their own subscriptions. @default once a control was requested */
  readonly tracksHandlers?: boolean;
}
