import {
  DEAD_LETTER_HEADERS,
  TransportError,
  type Broker,
  type BrokerHost,
  type Consumption,
  type OutgoingMessage,
  type SendResult,
  type SubscriptionSink,
} from '../../contract/index.js';
import { FaultPlan, type InjectedFault } from './fault-plan.js';
import { RandomFaultsIntake } from './random-faults-intake.js';
import { resolveRandomFaultsOptions, type RandomFaultsOptions } from './random-faults-options.js';
import { wrapBroker, type Interception } from './wrap-broker.js';

/** A broker with random faults, which it records for each message. */
export interface RandomFaultsBroker extends Broker {
  /** Pass it as the option `seed` to repeat the same faults in the same places. */
  readonly seed: number;
  /** The faults so far, oldest first. */
  readonly injected: readonly InjectedFault[];
  /** Calls the listener for each later fault; the returned function removes it. */
  onFault(listener: (fault: InjectedFault) => void): void;
}

/**
 * Wraps a broker and injects the faults of a real one: duplicate, late and reordered deliveries, redelivery after settlement,
 * and lost connections while handlers run. As on a real broker, nothing is lost, and the order of a key holds if the
 * subscription requires it.
 *
 * Which message is hit depends on the seed and its place alone (topic, partition, offset, group), so the same messages
 * published in the same order have the same faults.
 *
 * ```ts
 * const broker = randomFaults(memory(), { seed: 7, duplicate: 0.1, loseAck: 0.1 });
 * ```
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function randomFaults(broker: Broker, options: RandomFaultsOptions = {}): RandomFaultsBroker {
  const plan = new FaultPlan(resolveRandomFaultsOptions('randomFaults()', options));
  const wrapped = wrapBroker(broker, (host) => interception(plan, host));
  return {
    ...wrapped,
    seed: plan.options.seed,
    injected: plan.injected,
    onFault: (listener) => plan.on(listener),
  };
}

function interception(plan: FaultPlan, host: BrokerHost): Interception {
  return {
    send: (messages, go) => send(plan, messages, go),
    consume: async (subscriptions, go) => {
      const intakes = subscriptions.map((each) => intakeOf(plan, host, each));
      const consumption = await go(intakes.map(({ subscription, intake }) => ({ subscription, sink: intake })));
      return stoppingFirst(
        consumption,
        intakes.map(({ intake }) => intake),
      );
    },
  };
}

function intakeOf(plan: FaultPlan, { clock }: BrokerHost, { subscription, sink }: SubscriptionSink) {
  return { subscription, intake: new RandomFaultsIntake(subscription, sink, plan, clock) };
}

/** Omits `untilEnd`: delivered messages may still wait here, so the driver's end is not the application's. */
function stoppingFirst(consumption: Consumption, intakes: readonly RandomFaultsIntake[]): Consumption {
  const stop = (): void => intakes.forEach((intake) => intake.stop());
  return {
    stop: () => {
      stop();
      return consumption.stop();
    },
    close: () => {
      stop();
      return consumption.close();
    },
  };
}

async function send(
  plan: FaultPlan,
  messages: readonly OutgoingMessage[],
  go: (messages: readonly OutgoingMessage[]) => Promise<readonly SendResult[]>,
): Promise<readonly SendResult[]> {
  const isRefused = new Set(messages.filter((message) => refusesDeadLetter(plan, message)));
  const passed = messages.filter((message) => !isRefused.has(message));
  const results = passed.length === 0 ? [] : await go(passed);
  const byMessage = new Map(passed.map((message, index) => [message, results[index] as SendResult]));
  return messages.map((message) => {
    const result = byMessage.get(message);
    if (result === undefined) return failure('TRANSPORT_PUBLISH_FAILED', message, 'no');
    return losesConfirmation(plan, message, result) ? failure('TRANSPORT_PUBLISH_UNKNOWN', message, 'unknown') : result;
  });
}

/** Uses the place of the original: a copy that was not stored has none. */
function refusesDeadLetter(plan: FaultPlan, { topic, id, headers = {} }: OutgoingMessage): boolean {
  if (headers[DEAD_LETTER_HEADERS.topic] === undefined) return false;
  const place = `${headers[DEAD_LETTER_HEADERS.partition] ?? 0}/${headers[DEAD_LETTER_HEADERS.offset] ?? id}`;
  return plan.strikes('failDeadLetter', { topic, group: headers[DEAD_LETTER_HEADERS.group], id, place });
}

function losesConfirmation(plan: FaultPlan, { topic, id, headers }: OutgoingMessage, result: SendResult): boolean {
  if (result instanceof TransportError || headers?.[DEAD_LETTER_HEADERS.topic] !== undefined) return false;
  const place = `${result.partition ?? 0}/${result.offset ?? id}`;
  return plan.strikes('loseConfirmation', { topic, group: undefined, id, place });
}

function failure(
  code: 'TRANSPORT_PUBLISH_FAILED' | 'TRANSPORT_PUBLISH_UNKNOWN',
  { topic }: OutgoingMessage,
  stored: 'no' | 'unknown',
): TransportError {
  const what = stored === 'no' ? 'did not store' : 'stored, without saying so,';
  const message = `A fault of the unreliable broker: it ${what} the message for "${topic}".`;
  return new TransportError(code, message, { stored, retryable: true, topic });
}
