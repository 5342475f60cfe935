import type { BrokerHost } from '../../contract/index.js';

/** Settlements that failed within this time are counted together. */
const WINDOW_MS = 60_000;
/** A connection that breaks loses what is under way, once: fewer are no problem that lasts. */
const WORTH_SAYING = 3;
/** Moments that are remembered of one subscription. */
const MAX_REMEMBERED = 1_000;

/** Counts the settlements of each subscription that its broker did not take, so that health says where messages come again and again. */
export class SettlementFailures {
  readonly #clock: BrokerHost['clock'];
  readonly #moments = new Map<string, number[]>();

  constructor({ clock, notices, broker }: Pick<BrokerHost, 'clock' | 'notices' | 'broker'>) {
    this.#clock = clock;
    notices.on('settlement:failed', (notice) => {
      if (notice.broker === broker) this.#note(notice.topic, notice.group);
    });
  }

  /** One sentence for a subscription with repeated failures in the last minute; undefined for the others. */
  problemOf(topic: string, group: string): string | undefined {
    const count = this.#recent(identityOf(topic, group)).length;
    if (count < WORTH_SAYING) return undefined;
    return `${count}${count < MAX_REMEMBERED ? '' : ' or more'} settlements of "${topic}" (group "${group}") failed in the last minute, and their messages can be delivered again.`;
  }

  #note(topic: string, group: string): void {
    const identity = identityOf(topic, group);
    const recent = this.#recent(identity);
    if (recent.length < MAX_REMEMBERED) recent.push(this.#clock.monotonicMs());
    this.#moments.set(identity, recent);
  }

  #recent(identity: string): number[] {
    const since = this.#clock.monotonicMs() - WINDOW_MS;
    return (this.#moments.get(identity) ?? []).filter((moment) => moment > since);
  }
}

const identityOf = (topic: string, group: string): string => JSON.stringify([topic, group]);
