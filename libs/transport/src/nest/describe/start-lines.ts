import type { Notices } from '../../contract/index.js';
import type { BrokerRuntime } from '../broker-runtime.js';
import { describeSubscription, type SubscriptionDescription } from './description.js';
import { aligned, COLUMNS, type Column } from './subscription-cells.js';
import type { TransportLog } from '../logging/transport-log.js';

/** The part of a runtime that is looked at. */
interface Starting {
  readonly notices: Notices;
  broker(name: string): BrokerRuntime;
}

/**
 * Writes the table of a broker's subscriptions when all of them have started: what was asked for, with every default filled in,
 * and what can be promised. A row is a record of its own that names its columns, so that it can be read alone.
 */
export function logStarts(runtime: Starting, log: TransportLog): void {
  const started = new Map<string, number>();
  runtime.notices.on('subscription:started', ({ broker }) => {
    const from = runtime.broker(broker);
    const count = (started.get(broker) ?? 0) + 1;
    started.set(broker, count % from.subscriptions.length);
    if (count === from.subscriptions.length) writeTable(from, log);
  });
}

function writeTable(broker: BrokerRuntime, log: TransportLog): void {
  const described = broker.subscriptions.map((each) => describeSubscription(broker, each));
  for (const line of startLines(described)) log.log(line);
}

/** `Subscribed topic=orders group=stock broker=main driver=kafka ...` */
export function startLines(subscriptions: readonly SubscriptionDescription[]): readonly string[] {
  const columns = Object.keys(COLUMNS) as Column[];
  const rows = subscriptions.map((each) => columns.map((column) => `${column}=${COLUMNS[column](each)}`));
  return aligned(rows).map((row) => `Subscribed ${row}`);
}
