import type { CapabilityName } from '../../contract/index.js';
import type { Stage } from './stage.js';

/** One guarantee of the transport, and the check that a driver keeps it. */
export interface ConformanceCase {
  /** Its file's name: how reports and planted drivers refer to it. */
  readonly name: string;
  /** What the driver does, in the present tense: the title of the test. */
  readonly title: string;
  /** The capability that the case needs; undefined if every broker must pass it. */
  readonly capability?: CapabilityName;
  /** The broker it runs on. @default 'shared' */
  readonly on?: 'shared' | 'restartable';
  /** Uses the capability as an application does. If it is unsupported, this must reject with `TRANSPORT_CAPABILITY_UNSUPPORTED`. */
  ask?(stage: Stage): Promise<unknown>;
  /** Resolves if the guarantee holds, otherwise throws an error that says what was seen. */
  run(stage: Stage): Promise<void>;
}
