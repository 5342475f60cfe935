/**
 * Delayed messages move down a ladder of queues with fixed TTLs: 100 ms, 200 ms, 400 ms and so on, doubling with every rung. A delay
 * is the sum of some of them, as a number is a sum of powers of two. Headers of the message say on which rungs it waits, and on which
 * it does not:
 *
 * ```
 * 1300 ms = 13 x 100 ms = 1101
 *
 * -> exchange 800 -> queue 800 --(800 ms later)--> exchange 400 -> queue 400 --(400 ms later)--> exchange 200
 *                              exchange 200, no rest -> exchange 100 -> queue 100 --(100 ms later)--> the topic
 * ```
 * No message waits behind one with a longer delay, and all delays share the same few rungs. The headers also say "no": if a queue
 * was deleted, the message must stay above it and not reach its topic too early.
 */
export interface Rung {
  /** How long a message waits here. */
  readonly restMs: number;
  /** The name of its exchange and of its queue. */
  readonly name: string;
  /** The header that says whether a message waits here. */
  readonly header: string;
  /** The exchange that receives it next. */
  readonly below: string;
}

const SHORTEST_REST_MS = 100;
/** RabbitMQ allows no TTL above ten years. */
const RUNGS = 29;
/** 621 days. */
export const LONGEST_WAIT_MS = SHORTEST_REST_MS * (2 ** RUNGS - 1);

/** Prefix of exchanges and queues for delayed messages. */
export const DELAYED = 'delayed';
/** The exchange at the foot of the ladder, which routes each message to the last queue of its topic. */
export const FOOT = `${DELAYED}:due`;
/** Without the prefix `x-`, because a headers exchange ignores such headers. */
const REST_HEADER = 'transport-rest';
type Rests = 'yes' | 'no';

const rungOf = (level: number): Rung => {
  const restMs = SHORTEST_REST_MS * 2 ** level;
  return {
    restMs,
    name: `${DELAYED}:${restMs}`,
    header: `${REST_HEADER}-${restMs}`,
    below: level === 0 ? FOOT : `${DELAYED}:${restMs / 2}`,
  };
};

/** Lowest first. */
const LADDER: readonly Rung[] = Array.from({ length: RUNGS }, (_, level) => rungOf(level));

/** The driver's own headers, which applications must not set and handlers do not see. */
export const REST_HEADERS: readonly string[] = LADDER.map(({ header }) => header);

/** The arguments that bind the exchange of a rung to its queue (`'yes'`) and to the rung below (`'no'`). */
export const bindingArguments = ({ header }: Rung, rests: Rests): Readonly<Record<string, string>> => ({
  'x-match': 'all',
  [header]: rests,
});

/** The route of a message down the ladder. */
export interface Descent {
  /** All rungs up to the highest one that the message waits on, lowest first. */
  readonly rungs: readonly Rung[];
  /** The exchange it is published to. */
  readonly exchange: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Returns the route that takes `waitMs` to `waitMs` + 100 ms. @param waitMs above 0, at most `LONGEST_WAIT_MS` */
export function descentOf(waitMs: number): Descent {
  const parts = Math.ceil(waitMs / SHORTEST_REST_MS);
  // Not with bit operations, which are limited to 32 bits with sign.
  const rests = LADDER.map((_, level) => Math.floor(parts / 2 ** level) % 2 === 1);
  const rungs = LADDER.slice(0, rests.lastIndexOf(true) + 1);
  const headers = rungs.map(({ header }, level): [string, Rests] => [header, rests[level] === true ? 'yes' : 'no']);
  return { rungs, exchange: (rungs.at(-1) as Rung).name, headers: Object.fromEntries(headers) };
}
