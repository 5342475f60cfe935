import type { PermissionViolationError } from '@nats-io/transport-node';
import type { BrokerHost } from '../../../contract/index.js';
import type { Link, LinkListener } from './link.js';
import type { ResolvedNatsOptions } from '../options.js';

/** A right that was not missed for this long counts as granted. What is not settled is refused again within the ack wait. */
const QUIET_MS = 60_000;
const QUIET_ACK_WAITS = 3;
/** What passed may have done so before the last refusal, unless that is so old: consumers are looked at every 5 s. */
const PASS_MS = 6_000;
const SETTLEMENTS = '$JS.ACK.';

/**
 * The rights that this user lacks, as the server refuses them one by one. Each is reported once, and health shows it for as long as
 * it is missed.
 */
export class Refusals implements LinkListener {
  readonly #host: BrokerHost;
  readonly #inboxPrefix: string;
  readonly #apiPrefix: string;
  readonly #isCore: boolean;
  readonly #quietMs: number;
  /** By right: when it was last missed, on the monotonic clock. */
  readonly #missedAtMs = new Map<string, number>();

  constructor(host: BrokerHost, link: Link, { inboxPrefix, ackWaitMs, mode }: ResolvedNatsOptions) {
    this.#host = host;
    this.#inboxPrefix = `${inboxPrefix}.`;
    this.#apiPrefix = `${link.apiPrefix}.`;
    this.#isCore = mode === 'core';
    this.#quietMs = Math.max(QUIET_MS, ackWaitMs * QUIET_ACK_WAITS);
    link.listen(this);
  }

  get problems(): string[] {
    return this.#missed.map(problemOf);
  }

  /** Nothing is settled, so that nothing more is delivered after a while. */
  get isDown(): boolean {
    return this.#missed.some((right) => right.includes(SETTLEMENTS));
  }

  linkUp(): void {
    this.#missedAtMs.clear();
  }

  linkDown(): void {}

  settlementsPass(): void {
    const beforeMs = this.#host.clock.monotonicMs() - PASS_MS;
    for (const [right, atMs] of this.#missedAtMs)
      if (this.#isShownBySettlements(right) && atMs < beforeMs) this.#missedAtMs.delete(right);
  }

  refused(subject: string, error: Error): void {
    const { operation } = error as PermissionViolationError;
    if (this.#isReportedElsewhere(operation, subject)) return;
    const right = `${operation === 'subscription' ? 'subscribe' : 'publish'} to "${this.#generalised(subject)}"`;
    const isNew = !this.#missed.includes(right);
    this.#missedAtMs.set(right, this.#host.clock.monotonicMs());
    if (isNew) this.#host.notices.emit('broker:warned', { broker: this.#host.broker, warning: problemOf(right) });
  }

  /** By whoever made the request to JetStream's API; by the subscription to a topic of core NATS, which tries again. */
  #isReportedElsewhere(operation: string, subject: string): boolean {
    if (subject.startsWith(this.#apiPrefix)) return true;
    return this.#isCore && operation === 'subscription' && !subject.startsWith(this.#inboxPrefix);
  }

  /** What is settled has come through an inbox. */
  #isShownBySettlements(right: string): boolean {
    return right.includes(SETTLEMENTS) || right.startsWith(`subscribe to "${this.#inboxPrefix}`);
  }

  get #missed(): string[] {
    const sinceMs = this.#host.clock.monotonicMs() - this.#quietMs;
    return [...this.#missedAtMs].filter(([, atMs]) => atMs >= sinceMs).map(([right]) => right);
  }

  /** Every message and every connection has subjects of its own; the right is one. */
  #generalised(subject: string): string {
    const prefix = [SETTLEMENTS, this.#inboxPrefix].find((known) => subject.startsWith(known));
    return prefix === undefined ? subject : `${prefix}>`;
  }
}

const problemOf = (right: string): string =>
  `the server refuses to let this user ${right}; give the user this right (permissions of nats-server)`;
