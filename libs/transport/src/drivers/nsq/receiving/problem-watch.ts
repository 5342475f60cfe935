import type { BrokerHost } from '../../../contract/index.js';
import type { NsqError } from '../client/index.js';

/** A problem is looked at this often, and reported when it is there at two looks in a row. */
const LOOK_MS = 3_000;

/**
 * Reports what lasts and is no outage as a whole: one of several nsqd is away or refuses this application, or an nsqlookupd
 * does not answer. Once until it is over.
 */
export class ProblemWatch {
  readonly #host: Pick<BrokerHost, 'notices' | 'broker' | 'clock'>;
  readonly #problems: () => readonly NsqError[];
  /** By what they are about, whether they are reported. */
  #seen = new Map<string, boolean>();
  #callOff: (() => void) | undefined;
  #isClosed = false;

  constructor(host: Pick<BrokerHost, 'notices' | 'broker' | 'clock'>, problems: () => readonly NsqError[]) {
    this.#host = host;
    this.#problems = problems;
  }

  /** Twice is the same as once. */
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
    const effect = nsqd === undefined ? 'Nsqd that start now may not be found' : `Messages that ${nsqd} holds wait`;
    notices.emit('broker:warned', { broker, warning: `${message.replace(/\.$/, '')}. ${effect} until this is over` });
  }
}
