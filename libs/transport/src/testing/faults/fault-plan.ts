import { Dice } from '../dice.js';
import type { FaultKind, ResolvedRandomFaultsOptions } from './random-faults-options.js';

/** A fault that happened, and to which message. */
export interface InjectedFault {
  readonly kind: FaultKind;
  readonly topic: string;
  /** undefined for a fault of a publish. */
  readonly group: string | undefined;
  /** The message's. */
  readonly id: string;
  /** Where: partition and offset on the broker. The same in every run of a seed, which an id is not. */
  readonly place: string;
}

/** Decides which fault hits which message, and records it. Each kind hits a message at most once. */
export class FaultPlan {
  readonly injected: InjectedFault[] = [];
  readonly options: ResolvedRandomFaultsOptions;
  readonly #dice: Dice;
  readonly #struck = new Set<string>();
  readonly #listeners: ((fault: InjectedFault) => void)[] = [];

  constructor(options: ResolvedRandomFaultsOptions) {
    this.options = options;
    this.#dice = new Dice(options.seed);
  }

  /** Calls the listener for each later fault. */
  on(listener: (fault: InjectedFault) => void): void {
    this.#listeners.push(listener);
  }

  /** Whether the fault hits the message now. */
  strikes(kind: FaultKind, message: Omit<InjectedFault, 'kind'>): boolean {
    const { topic, group, place } = message;
    const name = `${kind} ${topic} ${group} ${place}`;
    if (this.options[kind] <= this.#dice.roll(name) || this.#struck.has(name)) return false;
    this.#struck.add(name);
    const { id } = message;
    const fault = { kind, topic, group, id, place };
    this.injected.push(fault);
    for (const listener of this.#listeners) listener(fault);
    return true;
  }

  /** From 1 to `most`, by the message's place. */
  amount(what: string, { topic, group, place }: Omit<InjectedFault, 'kind' | 'id'>, most: number): number {
    return 1 + Math.floor(this.#dice.roll(what, topic, group ?? '', place) * most);
  }
}
