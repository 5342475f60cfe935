import { NsqError } from './failure.js';
import { ask } from './http.js';

interface Producer {
  readonly broadcast_address: string;
  readonly tcp_port: number;
  readonly http_port: number;
}

/** An nsqd as nsqlookupd lists it. */
export interface ListedNsqd {
  /** Its TCP address, `host:port`. */
  readonly address: string;
  /** Its HTTP address, `http://host:port`. */
  readonly httpUrl: string;
}

const REQUEST_TIMEOUT_MS = 5_000;

/** Lists the nsqd that have a topic, each once; without `topic`, all registered nsqd. Never rejects: `problems` has the failures. */
export async function listNsqds(
  lookupds: readonly string[],
  topic?: string,
): Promise<{ readonly nsqds: readonly ListedNsqd[]; readonly problems: readonly NsqError[] }> {
  const answers = await Promise.all(lookupds.map((base) => lookUpAt(base, topic).catch((error: NsqError) => error)));
  const problems = answers.filter((answer) => answer instanceof NsqError);
  const nsqds = answers.flatMap((answer) => (answer instanceof NsqError ? [] : answer));
  return { nsqds: [...new Map(nsqds.map((nsqd) => [nsqd.address, nsqd])).values()], problems };
}

async function lookUpAt(base: string, topic: string | undefined): Promise<ListedNsqd[]> {
  const path = topic === undefined ? '/nodes' : '/lookup';
  const { status, text } = await ask('GET', base, path, topic === undefined ? {} : { topic }, REQUEST_TIMEOUT_MS);
  if (status === 404 && text.includes('TOPIC_NOT_FOUND')) return [];
  const producers = status === 200 ? producersOf(text) : undefined;
  if (producers === undefined) {
    throw new NsqError('protocol', `nsqlookupd ${base} answered ${path} with status ${status}: ${text.slice(0, 100)}`);
  }
  return producers.map(({ broadcast_address, tcp_port, http_port }) => {
    const host = broadcast_address.includes(':') ? `[${broadcast_address}]` : broadcast_address;
    return { address: `${host}:${tcp_port}`, httpUrl: `http://${host}:${http_port}` };
  });
}

function producersOf(text: string): Producer[] | undefined {
  try {
    const { producers } = JSON.parse(text) as { producers?: Producer[] };
    return Array.isArray(producers) ? producers : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Registers a channel at nsqlookupd before its topic has messages. An nsqd that creates the topic asks nsqlookupd for its channels,
 * and each of them gets what is published from then on. One nsqlookupd that accepts it is sufficient.
 * @throws NsqError if none accepts it
 */
export async function announceChannel(lookupds: readonly string[], topic: string, channel: string): Promise<void> {
  const announce = async (base: string): Promise<void> => {
    const { status, text } = await ask('POST', base, '/channel/create', { topic, channel }, REQUEST_TIMEOUT_MS);
    if (status === 200) return;
    throw new NsqError('refused', `nsqlookupd ${base} did not accept channel "${channel}" of "${topic}": ${text}`);
  };
  const results = await Promise.allSettled(lookupds.map(announce));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined && results.every(({ status }) => status === 'rejected')) throw failed.reason;
}

/** Polls at intervals that vary by a third, so many clients do not poll at the same time. */
export class LookupPoll {
  readonly #ask: () => Promise<void>;
  readonly #intervalMs: () => number;
  readonly #schedule: (delayMs: number, action: () => void) => () => void;
  #callOff: () => void = () => undefined;
  #closed = false;

  constructor(
    intervalMs: () => number,
    schedule: (delayMs: number, action: () => void) => () => void,
    askAgain: () => Promise<void>,
  ) {
    this.#intervalMs = intervalMs;
    this.#schedule = schedule;
    this.#ask = askAgain;
  }

  start(): void {
    const delayMs = Math.round(this.#intervalMs() * (5 / 6 + Math.random() / 3));
    this.#callOff = this.#schedule(delayMs, () => void this.#ask().then(() => this.#closed || this.start()));
  }

  close(): void {
    this.#closed = true;
    this.#callOff();
  }
}
