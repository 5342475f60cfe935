import type { BrokerHost } from '../../../contract/index.js';
import type { NsqError } from '../client/index.js';

/** Milliseconds between two checks; a problem is reported if it exists at two checks in a row. */
const LOOK_MS = 3_000;

/**
 * Reports lasting problems that are not an outage of everything: one of several nsqd is unreachable or rejects this application, or
 * an nsqlookupd does not answer. Each is reported once until it is over.
 */
export class ProblemWatch {
  readonly #host: Pick<BrokerHost, 'notices' | 'broker' | 'clock'>;
  readonly #problems: () => readonly NsqError[];
  /** Whether a problem was reported, by the nsqd or the sentence. */
  #seen = new Map<string, boolean>();
  #callOff: (() => void) | undefined;
  #isClosed = false;

  constructor(host: Pick<BrokerHost, 'notices' | 'broker' | 'clock'>, problems: () => readonly NsqError[]) {
    this.#host = host;
    this.#problems = problems;
  }

  /** Further calls do nothing. */
  start(): void {
    if (this.#callOff !== undefined || this.#isClosed) return;
    this.#callOff = this.#host.clock.schedule(LOOK_MS, () => {
      this.#callOff = undefined;
      this.#look();
      this.start();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#callOff?.();
  }

  #look(): void {
    const now = new Map(this.#problems().map((problem) => [problem.nsqd ?? problem.message, problem]));
    const before = this.#seen;
    this.#seen = new Map([...now.keys()].map((about) => [about, before.has(about)]));
    for (const [about, problem] of now) if (before.get(about) === false) this.#report(problem);
  }

  #report({ message, nsqd }: NsqError): void {
    const { notices, broker } = this.#host;
    const effect = nsqd === undefined ? 'New nsqd may not be found' : `Messages that ${nsqd} holds wait`;
    notices.emit('broker:warned', {
      broker,
      warning: `${message.replace(/\.$/, '')}. ${effect} until this is resolved`,
    });
  }
}
