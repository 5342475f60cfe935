import {
  isA,
  isThenable,
  messageOf,
  shown,
  TransportError,
  WIRE_HEADERS,
  type Delivery,
} from '../../contract/index.js';
import { checkOptions, option } from '../../shared/index.js';
import { NotStarted } from './holds.js';
import { requireAll } from './pace.js';
import type { Around, PolicyHost, StandardPolicy } from './policy.js';

/** Options of `timeout`. */
export interface TimeoutOptions {
  /**
   * Maximum duration of one attempt, in milliseconds. Integer >= 1. With `batch`, the wait for the rest of the batch
   * counts too.
   */
  readonly timeoutMs: number;
}

const RULES = { timeoutMs: option.integer(1) } as const satisfies Record<keyof TimeoutOptions, unknown>;

/**
 * Limits each attempt to `timeoutMs`. Afterwards `context.signal` aborts and the attempt fails with
 * `TRANSPORT_HANDLER_TIMEOUT`: the message is retried as configured in `retry`, whatever the handler still returns.
 *
 * The next attempt, and messages behind this one, start only when the handler has actually ended. Nobody can stop a
 * function that ignores its signal, and two of them on one key would break its order
 * (docs/adr/0015-late-handlers-are-waited-for.md).
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function timeout(options: TimeoutOptions): StandardPolicy {
  checkOptions('timeout()', options, RULES);
  requireAll('timeout()', options, RULES);
  const { timeoutMs } = options;
  return Object.freeze({ kind: 'timeout', options, start: (host: PolicyHost) => limited(timeoutMs, host) });
}

function limited(timeoutMs: number, host: PolicyHost): Around {
  return (next) => (payload, delivery) => {
    delivery.renewSignal();
    const outcome = next(payload, delivery);
    // Synchronous code cannot be interrupted.
    return isThenable(outcome) ? within(outcome, delivery) : outcome;
  };

  async function within(outcome: PromiseLike<unknown>, delivery: Delivery): Promise<unknown> {
    let late: TransportError | undefined;
    const callOff = host.clock.schedule(timeoutMs, () => {
      late = tooLate(delivery, timeoutMs);
      delivery.abort(late);
      host.timedOut(delivery, timeoutMs);
    });
    let failure: unknown;
    try {
      const result = await outcome;
      if (late === undefined || isAnswered(delivery)) return result;
    } catch (error) {
      failure = error;
      // An error that no retry can fix stays permanent, late or not.
      if (late === undefined || isA(error, NotStarted) || !host.isRetryable(error)) throw error;
    } finally {
      callOff();
    }
    throw failure === undefined || failure === late ? late : tooLate(delivery, timeoutMs, failure);
  }
}

/** The requester has its reply or no longer waits, so a retry would be useless. */
const isAnswered = (delivery: Delivery): boolean =>
  delivery.reply !== undefined || delivery.header(WIRE_HEADERS.replyTo) !== undefined;

function tooLate({ id, topic, group }: Delivery, timeoutMs: number, cause?: unknown): TransportError {
  const then = cause === undefined ? '' : ` It then failed: ${messageOf(cause)}.`;
  return new TransportError(
    'TRANSPORT_HANDLER_TIMEOUT',
    `The handler of group "${group}" did not finish message ${shown(id)} of "${topic}" within ${timeoutMs} ms.${then}`,
    { retryable: true, topic, cause },
  );
}
