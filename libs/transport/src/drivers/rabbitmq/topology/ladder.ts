/**
 * Messages for later climb down a ladder of queues, each of which keeps what it gets for a fixed time: 100 ms, 200 ms, 400 ms
 * and so on, twice as long with every rung. A wait is the sum of some of them, as a number is of powers of two, and the
 * message says in its headers on which rungs it rests, and on which it does not:
 *
 * ```
 * 1300 ms = 13 x 100 ms = 1101
 *
 * -> exchange 800 -> queue 800 --(800 ms later)--> exchange 400 -> queue 400 --(400 ms later)--> exchange 200
 *                              exchange 200, no rest -> exchange 100 -> queue 100 --(100 ms later)--> the topic
 * ```
 * So no message waits behind another one that takes longer, and the rungs are the same few for every wait. Why a message says
 * "no" as well: where a queue is gone, it has to stay above, and must not fall through to its topic before its time.
 */
export interface Rung {
  /** How long a message rests here. */
  readonly restMs: number;
  /** Of its exchange, and of its queue. */
  readonly name: string;
  /** Says whether a message rests here. */
  readonly header: string;
  /** The exchange where it goes from here. */
  readonly below: string;
}

const SHORTEST_REST_MS = 100;
/** n.b. RabbitMQ takes no time to live above ten years. */
const RUNGS = 29;
/** 621 days. */
export const LONGEST_WAIT_MS = SHORTEST_REST_MS * (2 ** RUNGS - 1);

/** Stands in front of whatever belongs to messages for later. */
export const DELAYED = 'delayed';
/** The exchange at the foot of the ladder, from where each message goes to the queue of its topic. */
export const FOOT = `${DELAYED}:due`;
/** n.b. without `x-` in front: a headers exchange does not look at such names. */
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

/** The driver's own headers, which nobody else may write and no handler sees. */
export const REST_HEADERS: readonly string[] = LADDER.map(({ header }) => header);

/** What ties the exchange of a rung to its queue (`'yes'`), and to the rung below (`'no'`). */
export const bindingArguments = ({ header }: Rung, rests: Rests): Readonly<Record<string, string>> => ({
  'x-match': 'all',
  [header]: rests,
});

/** A message's way down. */
export interface Descent {
  /** All up to the first one that the message rests on, lowest first. */
  readonly rungs: readonly Rung[];
  /** Where it is published to. */
  readonly exchange: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The way that takes at least so long, and at most a tenth of a second longer. @param waitMs above 0, at most `LONGEST_WAIT_MS` */
export function descentOf(waitMs: number): Descent {
  const parts = Math.ceil(waitMs / SHORTEST_REST_MS);
  // n.b. not by bit operations: they end at 32 bits, with a sign.
  const rests = LADDER.map((_, level) => Math.floor(parts / 2 ** level) % 2 === 1);
  const rungs = LADDER.slice(0, rests.lastIndexOf(true) + 1);
  const headers = rungs.map(({ header }, level): [string, Rests] => [header, rests[level] === true ? 'yes' : 'no']);
  return { rungs, exchange: (rungs.at(-1) as Rung).name, headers: Object.fromEntries(headers) };
}
