import { cpuPerMessage, perSecond, type Figures } from './figures.js';
import { FLAT_WITHIN_MIB, isFlat, type Growth } from './memory-growth.js';
import { COMPARISONS, RATES, type Comparison, type Row } from './plan.js';
import type { Results } from './run-bench.js';
import { ratiosOf, spreadOf, type Spread } from './statistics.js';

/** One row as people and programs read it. */
export interface RowReport {
  readonly id: string;
  readonly section: string;
  readonly title: string;
  readonly messagesPerSecond: Spread;
  readonly cpuUsPerMessage: Spread;
  readonly notes: Readonly<Record<string, number>>;
}

/** A target, and what came of it. */
export interface Finding {
  readonly what: string;
  /** Messages per second, ours by theirs. */
  readonly ratio?: Spread;
  /** CPU time per message, theirs by ours: above 1, ours needs less. */
  readonly cpuRatio?: Spread;
  readonly value: string;
  readonly target: string | undefined;
  readonly reached: boolean | undefined;
}

export interface Report {
  readonly rows: readonly RowReport[];
  readonly findings: readonly Finding[];
}

export function reportOf(results: Results): Report {
  const byId = new Map([...results].map(([row, rounds]) => [row.id, { row, rounds }]));
  const rows = [...results].map(([row, rounds]) => rowReport(row, rounds));
  const compared = COMPARISONS.flatMap((comparison) => {
    const ours = byId.get(comparison.row);
    const theirs = byId.get(comparison.baseline);
    return ours && theirs ? [compare(comparison, ours, theirs)] : [];
  });
  const rates = rows.flatMap((row) => rateFinding(row));
  const faults = rows.flatMap((row) => (row.section === 'rss' ? [flatFinding(row)] : orderFinding(row)));
  return { rows, findings: [...compared, ...rates, ...faults] };
}

function rowReport({ id, section, title }: Row, rounds: readonly Figures[]): RowReport {
  const notes = Object.assign({}, ...rounds.map((round) => round.notes ?? {})) as Record<string, number>;
  const violations = rounds.reduce((sum, round) => sum + (round.notes?.['violations'] ?? 0), 0);
  return {
    id,
    section,
    title,
    messagesPerSecond: spreadOf(rounds.map(perSecond)),
    cpuUsPerMessage: spreadOf(rounds.map(cpuPerMessage)),
    notes: 'violations' in notes ? { ...notes, violations } : notes,
  };
}

interface Measured {
  readonly row: Row;
  readonly rounds: readonly Figures[];
}

function compare({ atLeast }: Comparison, ours: Measured, theirs: Measured): Finding {
  const ratio = ratiosOf(ours.rounds.map(perSecond), theirs.rounds.map(perSecond));
  const cpuRatio = ratiosOf(theirs.rounds.map(cpuPerMessage), ours.rounds.map(cpuPerMessage));
  return {
    what: `${ours.row.title} : ${theirs.row.title}`,
    ratio,
    cpuRatio,
    value: `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)}), CPU ${cpuRatio.median.toFixed(2)}`,
    target: atLeast === undefined ? undefined : `>= ${atLeast}`,
    reached: atLeast === undefined ? undefined : ratio.median >= atLeast,
  };
}

function rateFinding({ id, section, title, messagesPerSecond }: RowReport): Finding[] {
  const rate = RATES[id];
  if (rate === undefined) return [];
  return [
    {
      what: `${section}: ${title}, messages per second`,
      value: thousands(messagesPerSecond.median),
      target: `>= ${thousands(rate)}`,
      reached: messagesPerSecond.median >= rate,
    },
  ];
}

function flatFinding({ title, notes }: RowReport): Finding {
  const growth = notes as unknown as Growth;
  return {
    what: `memory: ${title}`,
    value: `${growth.rssEarlyMiB} MiB, later ${growth.rssLateMiB}, at most ${growth.rssMaxMiB}`,
    target: `grows <= ${FLAT_WITHIN_MIB} MiB`,
    reached: isFlat(growth),
  };
}

/** Only told when it is broken: figures of a candidate that loses or mixes up messages are worth nothing. */
function orderFinding({ section, title, notes }: RowReport): Finding[] {
  const violations = notes['violations'] ?? 0;
  if (violations === 0) return [];
  return [
    { what: `${section}: ${title}, order per key`, value: `${violations} violations`, target: '0', reached: false },
  ];
}

export const thousands = (value: number): string => Math.round(value).toLocaleString('en-US');
