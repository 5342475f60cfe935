import { debuglog } from 'node:util';
import { Logger } from '@nestjs/common';
import { isTransportError, stackOf } from '../../contract/index.js';
import type { TransportRuntime } from '../transport-runtime.js';

/** `NODE_DEBUG=nest-transport` shows the stack and the causes of a failed start. */
const debug = debuglog('nest-transport');

/**
 * Closes the transport after a failed start: Nest calls no shutdown hook then, and open connections would keep the process alive.
 * An application of `createTransportApp` ends here with exit code 1 and one sentence in its log, unless it has `abortOnError: false`.
 * @returns the error
 */
export async function failedStart(runtime: TransportRuntime, error: unknown): Promise<unknown> {
  await runtime.close();
  if (!runtime.endsProcessOnFailure || !isTransportError(error)) return error;
  runtime.log.error(`The transport could not start. ${error.message}`);
  debug('%s', stackOf(error) ?? error.message);
  debug('%o', error.cause);
  Logger.flush();
  process.exit(1);
}
