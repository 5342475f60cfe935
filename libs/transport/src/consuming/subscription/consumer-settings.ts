import type { Codec } from '../../contract/index.js';
import type { Classifier } from '../retry/classification.js';
import type { RestOfWork } from '../runner/handler.js';

/** What all subscriptions of a consumer have in common. */
export interface ConsumerSettings {
  /** @default JSON */
  readonly codec?: Codec;
  /** Looks at an error before the library's own table does; undefined leaves it to the table. */
  readonly classify?: Classifier;
  /** @default what a handler gives is all there is, once it is awaited */
  readonly restOf?: RestOfWork;
  /** A number in [0, 1), for the jitter of delays. @default Math.random */
  readonly random?: () => number;
  /** Whether handlers may pause their own subscriptions. @default once a control was asked for */
  readonly tracksHandlers?: boolean;
}
