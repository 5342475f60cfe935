import type { SubscriptionSummary } from '../consuming/index.js';
import type { BrokerRuntime } from './broker-runtime.js';
import type { TransportLog } from './transport-log.js';
import type { TransportRuntime } from './transport-runtime.js';

const ORDER = { key: 'in order by key', partition: 'in order by partition', none: 'in no order' } as const;

/** Writes one line per subscription when it starts: what was asked for, with every default filled in. */
export function logStarts(runtime: TransportRuntime, log: TransportLog): void {
  runtime.notices.on('subscription:started', ({ broker, topic, group }) => {
    const from = runtime.broker(broker);
    const started = from.subscriptions.find((known) => known.topic === topic && known.group === group);
    if (started !== undefined) log.log(startLine(from, started));
  });
}

export function startLine({ name, driver }: Pick<BrokerRuntime, 'name' | 'driver'>, it: SubscriptionSummary): string {
  const instance = it.delivery === 'every-instance' ? ' (every instance)' : '';
  const deadLetter =
    it.resolvedDeadLetterTopic === undefined ? 'then discarded' : `then to ${it.resolvedDeadLetterTopic}`;
  return (
    `Subscribed to ${it.topic} as ${it.group}${instance}: ${ORDER[it.ordering]}, ${atOnce(it)} at a time ` +
    `(${it.maxInFlight} in flight), ${attemptsOf(it)}, ${deadLetter}. broker=${name} driver=${driver}`
  );
}

function attemptsOf({ retry: { maxAttempts, initialDelayMs, maxDelayMs, inProcess } }: SubscriptionSummary): string {
  if (maxAttempts === 1) return 'one attempt';
  const where = inProcess ? ', waiting in this process' : '';
  return `${maxAttempts} attempts (${initialDelayMs} to ${maxDelayMs} ms apart${where})`;
}

const atOnce = ({ concurrency, batch }: SubscriptionSummary): string =>
  batch === undefined ? `${concurrency}` : `${concurrency} batch(es) of up to ${batch.maxMessages}`;
