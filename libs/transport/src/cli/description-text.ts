import type { BrokerSettings, GuaranteeReason } from '../contract/index.js';
import type { BrokerDescription, TransportDescription } from '../nest/index.js';
import { aligned, COLUMNS, type Column } from '../nest/describe/subscription-cells.js';

/** A description for people: a table of subscriptions, the brokers, and what lowers a guarantee. */
export function descriptionText({ service, consumes, brokers, subscriptions }: TransportDescription): string {
  const columns = Object.keys(COLUMNS) as Column[];
  const rows = subscriptions.map((each) => columns.map((column) => COLUMNS[column](each)));
  const none = consumes ? 'No handlers.' : 'Only publishes (consume: false).';
  const table = rows.length === 0 ? [none] : aligned([columns.map((column) => column.toUpperCase()), ...rows]);
  const reasons = reasonsOf([
    ...subscriptions.flatMap(({ topic, guarantee }) => guarantee.reasons.map((reason) => ({ topic, ...reason }))),
    ...brokers.flatMap(({ name, publishing }) =>
      publishing.reasons.map((reason) => ({ ...reason, topic: `publishing to ${name}` })),
    ),
  ]);
  const parts = [[`Service ${service}`], table, brokers.map(brokerLine), ...reasons];
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function brokerLine({ name, driver, publishing, settings, problem }: BrokerDescription): string {
  const known = problem ?? settingsText(settings);
  return `Broker ${name} (${driver}): a publish is ${publishing.level}${known === '' ? '' : `; ${known}`}`;
}

const settingsText = (settings: BrokerSettings): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');

/** Each reason once, with all topics that it applies to. */
function reasonsOf(reasons: readonly (GuaranteeReason & { readonly topic: string })[]): readonly (readonly string[])[] {
  const sentences = new Map<string, Set<string>>();
  for (const { effect, code, why, remedy, topic } of reasons) {
    const sentence = `${effect}, ${code}: ${why}. ${remedy}`;
    sentences.set(sentence, (sentences.get(sentence) ?? new Set()).add(topic));
  }
  return [...sentences].map(([sentence, topics]) => [sentence, `  ${[...topics].join(', ')}`]);
}
