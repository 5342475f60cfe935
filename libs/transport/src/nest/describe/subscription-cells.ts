import type { Guarantee } from '../../contract/index.js';
import type { SubscriptionDescription } from './description.js';

/** The cells of a subscription's row, by column name. No cell contains a space: `name=cell` is one word. */
export const COLUMNS = {
  topic: ({ topic }) => topic,
  group: ({ group }) => group,
  broker: ({ broker }) => broker,
  driver: ({ driver }) => driver,
  delivery: ({ options: { delivery } }) => delivery,
  order: ({ options: { ordering } }) => ordering,
  concurrency: ({ options: { concurrency, batch } }) =>
    batch === undefined ? `${concurrency}` : `${concurrency}x${batch.maxMessages}`,
  retry: ({ options: { retry } }) => attempts(retry),
  'dead-letter': ({ deadLetterTopic }) => deadLetterTopic ?? 'discarded',
  guarantee: ({ guarantee }) => inShort(guarantee),
} as const satisfies Record<string, (description: SubscriptionDescription) => string>;

/** The name of a column. */
export type Column = keyof typeof COLUMNS;

/** The rows of a table, each as one line, columns aligned. */
export function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]?.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((text, index) => text.padEnd(widths[index] ?? 0))
      .join(' ')
      .trimEnd(),
  );
}

/** `5x(200..30000ms)`, `1x`, `3x(200..30000ms)+60000ms+600000ms` */
export function attempts({
  maxAttempts,
  initialDelayMs,
  maxDelayMs,
  redeliveryDelaysMs = [],
  inProcess,
}: SubscriptionDescription['options']['retry']): string {
  const tiers = redeliveryDelaysMs.map((waitMs) => `+${waitMs}ms`).join('');
  if (maxAttempts === 1) return `1x${tiers}`;
  return `${maxAttempts}x(${initialDelayMs}..${maxDelayMs}ms${inProcess ? ',in-process' : ''})${tiers}`;
}

/** `at-least-once`, `may-lose(one-copy)` */
export function inShort({ level, reasons }: Guarantee): string {
  const codes = new Set(reasons.filter(({ effect }) => effect === level).map(({ code }) => code));
  return codes.size === 0 ? level : `${level}(${[...codes].join(',')})`;
}
