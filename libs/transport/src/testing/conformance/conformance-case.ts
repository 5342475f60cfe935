import type { CapabilityName } from '../../contract/index.js';
import type { Stage } from './stage.js';

/** One promise of the transport, and how to find out whether a driver keeps it. */
export interface ConformanceCase {
  /** Its file's name: how reports and planted drivers refer to it. */
  readonly name: string;
  /** What the driver does, in the present tense: the title of the test. */
  readonly title: string;
  /** Which capability makes the promise; left out where every broker has to keep it. */
  readonly capability?: CapabilityName;
  /** Which broker it is shown on. @default 'shared' */
  readonly on?: 'shared' | 'restartable';
  /** How an application asks for the capability. Where it is absent, this has to reject with `TRANSPORT_CAPABILITY_UNSUPPORTED`. */
  ask?(stage: Stage): Promise<unknown>;
  /** Resolves when the promise is kept, else throws what was seen. */
  run(stage: Stage): Promise<void>;
}
