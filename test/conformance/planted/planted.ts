import type { Broker } from 'nest-transport';
import type { ConformanceOptions } from 'nest-transport/conformance';

/** A driver with one fault, and the promise that has to find it. */
export interface Planted {
  /** The promise's name. */
  readonly testCase: string;
  /** What the driver does wrong; where somebody does it in the wild, who. */
  readonly fault: string;
  readonly createBroker: () => Broker;
  /** What the suite has to complain of: a promise that fails for another reason has seen nothing. */
  readonly saying: RegExp;
  readonly options?: Partial<ConformanceOptions>;
}
