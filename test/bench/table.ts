import { thousands, type Finding, type Report, type RowReport } from './report.js';
import type { Spread } from './statistics.js';

/** The report as text for a terminal. */
export function tableOf({ rows, findings }: Report): string {
  return [
    ...grid([['', 'msg/s: median', 'min', 'max', 'CPU us/msg', 'min', 'max'], ...rows.map(rowCells)]),
    '',
    ...grid([['', 'measured', 'target', ''], ...findings.map(findingCells)]),
  ].join('\n');
}

const rowCells = ({ section, title, messagesPerSecond, cpuUsPerMessage }: RowReport): string[] => [
  `${section}: ${title}`,
  ...cells(messagesPerSecond, thousands),
  ...cells(cpuUsPerMessage, (value) => value.toFixed(2)),
];

const cells = ({ median, min, max }: Spread, format: (value: number) => string): string[] => [
  format(median),
  format(min),
  format(max),
];

const findingCells = ({ what, value, target, reached }: Finding): string[] => [
  what,
  value,
  target ?? '',
  reached === undefined ? '' : reached ? 'reached' : 'MISSED',
];

/** The first column to the left, figures to the right. */
function grid(lines: readonly (readonly string[])[]): string[] {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines.map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
