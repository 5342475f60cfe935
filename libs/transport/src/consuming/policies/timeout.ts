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
import { NotBegun } from './holds.js';
import { requireAll } from './pace.js';
import type { Around, PolicyHost, StandardPolicy } from './policy.js';

/** How long a handler may take. */
export interface TimeoutOptions {
  /** Integer >= 1. With `batch`, the wait for the others of the batch counts too. */
  readonly timeoutMs: number;
}

const RULES = { timeoutMs: option.integer(1) } as const satisfies Record<keyof TimeoutOptions, unknown>;

/**
 * Gives each attempt `timeoutMs`. When they are over, `context.signal` is aborted and the attempt has failed, with
 * `TRANSPORT_HANDLER_TIMEOUT`: the message is tried again as `retry` says, whatever the handler still returns.
 *
 * The next attempt, and what waits behind the message, begin only when the handler has really ended: nobody can stop a
 * function that does not look at its signal, and two of them on one key would break its order (docs/adr/0015-late-handlers-are-waited-for.md).
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
    // n.b. nobody can interrupt what does not wait.
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
      // Why: what the handler knows to be past mending stays so, late or not.
      if (late === undefined || isA(error, NotBegun) || !host.isRetryable(error)) throw error;
    } finally {
      callOff();
    }
    throw failure === undefined || failure === late ? late : tooLate(delivery, timeoutMs, failure);
  }
}

/** Who asked has its answer, or waits no longer: another attempt would be for nobody. */
const isAnswered = (delivery: Delivery): boolean =>
  delivery.reply !== undefined || delivery.header(WIRE_HEADERS.replyTo) !== undefined;

function tooLate({ id, topic, group }: Delivery, timeoutMs: number, cause?: unknown): TransportError {
  const then = cause === undefined ? '' : ` It then failed: ${messageOf(cause)}.`;
  return new TransportError(
    'TRANSPORT_HANDLER_TIMEOUT',
    `The handler of group "${group}" had not ended ${timeoutMs} ms after it was given message ${shown(id)} of "${topic}".${then}`,
    { retryable: true, topic, cause },
  );
}
