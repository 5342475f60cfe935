import { TransportError, type Clock } from '../../contract/index.js';
import { pause } from './waits.js';

const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 3_000;

/** What connecting needs of a driver. */
export interface ConnectPort {
  readonly clock: Clock;
  /** Aborted when the application or the connection closes. */
  readonly ended: AbortSignal;
  /** One attempt. @throws TransportError whose `retryable` says whether another attempt can succeed */
  attempt(): Promise<void>;
  /** An attempt failed, and another one follows. */
  unreachable(error: TransportError): void;
  /** What connecting fails with when `ended` is aborted first. */
  endedError(): TransportError;
}

/**
 * Connects to a broker, however long that takes. The wait between two attempts doubles from 0.2 to 3 seconds.
 * @throws TransportError that is not retryable, and `endedError` when `ended` is aborted
 */
export async function connectWithBackoff(port: ConnectPort): Promise<void> {
  const { clock, ended } = port;
  for (let waitMs = FIRST_WAIT_MS; !ended.aborted; waitMs = Math.min(MAX_WAIT_MS, waitMs * 2)) {
    try {
      return await port.attempt();
    } catch (error) {
      if (ended.aborted) break;
      if (!(error instanceof TransportError) || !error.retryable) throw error;
      port.unreachable(error);
    }
    await pause(clock, waitMs, ended);
  }
  throw port.endedError();
}
