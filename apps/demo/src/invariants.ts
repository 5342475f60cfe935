import { DEAD_LETTER_HEADERS } from 'nest-transport';
import { stockFaults, summarize, type RunFacts } from './run-report.js';

export interface Invariant {
  readonly promise: string;
  /** What breaks it, with values; empty when it holds. */
  readonly faults: readonly string[];
}

/** The attempts that an order gets before it is given up, as the inventory service asks for. */
const MAX_ATTEMPTS = '5';

/** What must be true after every run, whatever failed on the way. */
export function checkInvariants(facts: RunFacts): readonly Invariant[] {
  const { placed, reserved, rejected, lost } = summarize(facts);
  return [
    { promise: `all ${facts.planned} orders are taken`, faults: facts.refused.slice(0, 5) },
    {
      promise: 'placed = reserved + rejected',
      faults: placed === reserved + rejected ? [] : [`${placed} placed, ${reserved} reserved + ${rejected} rejected`],
    },
    { promise: 'no order is lost', faults: lost === 0 ? [] : [`${lost} lost: ${undecided(facts)}`] },
    { promise: 'stock = initial stock - reserved quantities', faults: stockFaults(facts) },
    { promise: 'orders and reservations agree', faults: disagreements(facts) },
    {
      promise: 'stock refused some orders and filled others',
      faults: reserved > 0 && rejected > 0 ? [] : [`${reserved} reserved, ${rejected} rejected`],
    },
    { promise: 'exactly the malformed message and the poison order are dead letters', faults: deadLetterFaults(facts) },
    {
      promise: 'the poison order and the flaky order were tried again',
      faults: facts.retried >= 2 ? [] : [`${facts.retried} messages were tried again`],
    },
  ];
}

const undecided = ({ orders }: RunFacts): string =>
  orders
    .filter(({ state }) => state !== 'reserved' && state !== 'rejected')
    .slice(0, 5)
    .map(({ orderId, state }) => `${orderId} is ${state}`)
    .join(', ');

function disagreements({ orders, poisonOrder, reservations }: RunFacts): string[] {
  return [...orders, poisonOrder]
    .filter(({ orderId, state }) => reservationOf(state) !== reservations.get(orderId))
    .slice(0, 5)
    .map(
      ({ orderId, state }) =>
        `order ${orderId} is ${state}, its reservation is ${reservations.get(orderId) ?? 'not there'}`,
    );
}

/** The reservation that an order in this state must have: none while it is undecided. */
const reservationOf = (state: string): string | undefined =>
  state === 'reserved' || state === 'rejected' ? state : undefined;

function deadLetterFaults({ deadLetters, poisonOrder }: RunFacts): string[] {
  const attempts = (copy: (typeof deadLetters)[number]) => copy.headers[DEAD_LETTER_HEADERS.attempts];
  const poison = deadLetters.filter((copy) => copy.headers[DEAD_LETTER_HEADERS.key] === poisonOrder.orderId);
  const malformed = deadLetters.filter((copy) => !isJson(copy.body));
  return [
    ...(deadLetters.length === 2 ? [] : [`${deadLetters.length} dead letters were read back`]),
    ...(poison.length === 1
      ? []
      : [`${poison.length} of them carry the key of the poison order ${poisonOrder.orderId}`]),
    ...(malformed.length === 1 ? [] : [`${malformed.length} of them are not JSON`]),
    ...poison
      .filter((copy) => attempts(copy) !== MAX_ATTEMPTS)
      .map((copy) => `the poison order was given up after ${attempts(copy)} attempts instead of ${MAX_ATTEMPTS}`),
    ...deadLetters.flatMap((copy) => missingHeaders(copy)),
    ...(poisonOrder.state === 'placed' ? [] : [`the poison order is ${poisonOrder.state}`]),
  ];
}

const REQUIRED_HEADERS = [
  DEAD_LETTER_HEADERS.topic,
  DEAD_LETTER_HEADERS.group,
  DEAD_LETTER_HEADERS.attempts,
  DEAD_LETTER_HEADERS.firstFailedAt,
  DEAD_LETTER_HEADERS.lastFailedAt,
  DEAD_LETTER_HEADERS.errorName,
  DEAD_LETTER_HEADERS.errorMessage,
];

const missingHeaders = ({ id, headers }: RunFacts['deadLetters'][number]): string[] =>
  REQUIRED_HEADERS.filter((name) => headers[name] === undefined).map(
    (name) => `dead letter ${id} has no header ${name}`,
  );

function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
