import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CAPABILITY_MEANINGS, type CapabilityName } from 'nest-transport';
import { CONFORMANCE_CASES, type ConformanceReport, type ConformanceCase } from 'nest-transport/conformance';

/** In the order of the columns; a broker that was not run on this machine is left out. */
const BROKERS = ['memory', 'kafka', 'nats', 'nsq', 'rabbitmq'];
const START = '<!-- broker-table:start -->';
const END = '<!-- broker-table:end -->';

/** What each broker supports, and which conformance cases it passed, printed from conformance runs and from nothing else. */
export function brokerTable(reports: readonly ConformanceReport[]): string {
  const known = reports.filter(({ driver }) => BROKERS.includes(driver));
  const columns = [...known].sort((a, b) => BROKERS.indexOf(a.driver) - BROKERS.indexOf(b.driver));
  const names = columns.map(({ driver }) => driver);
  return [
    ...markdown(['Capability', ...names, 'What it means'], [...capabilityRows(columns), caseCounts(columns)]),
    '',
    '<details><summary>Every conformance case, broker by broker</summary>',
    '',
    ...markdown(
      ['A driver ...', ...names],
      CONFORMANCE_CASES.map((testCase) => caseRow(testCase, columns)),
    ),
    '',
    '</details>',
  ].join('\n');
}

/** The part of the page that is printed, without its markers. @throws Error when the markers are not there */
export function tableIn(page: string): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start === -1 || end < start) throw new Error(`docs/conformance.md needs the lines "${START}" and "${END}".`);
  return page.slice(start + START.length, end).trim();
}

/** The page with the table put between its markers. */
export function withTable(page: string, table: string): string {
  return page.replace(
    `${START}${page.split(START)[1]?.split(END)[0] ?? ''}${END}`,
    () => `${START}\n\n${table}\n\n${END}`,
  );
}

export const pagePath = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url));

/** Puts the table of these reports into the page. */
export function writeTable(reports: readonly ConformanceReport[], path = pagePath): void {
  const page = readFileSync(path, 'utf8');
  tableIn(page);
  writeFileSync(path, withTable(page, brokerTable(reports)));
}

function capabilityRows(columns: readonly ConformanceReport[]): string[][] {
  return (Object.keys(CAPABILITY_MEANINGS) as CapabilityName[]).map((name) => [
    `\`${name}\``,
    ...columns.map((report) => capabilityCell(report, name)),
    CAPABILITY_MEANINGS[name],
  ]);
}

/** A capability is as good as the worst of its conformance cases. */
function capabilityCell({ capabilities, cases }: ConformanceReport, name: CapabilityName): string {
  const hasFailed = cases.some(({ capability, outcome }) => capability === name && outcome === 'failed');
  return hasFailed ? '**failed**' : capabilities[name];
}

function caseCounts(columns: readonly ConformanceReport[]): string[] {
  const cells = columns.map(({ cases }) => {
    const passed = cases.filter(({ outcome }) => outcome === 'passed').length;
    const unsupported = cases.filter(({ outcome }) => outcome === 'unsupported').length;
    return `${passed} of ${cases.length - unsupported}`;
  });
  return [
    'conformance cases passed',
    ...cells,
    'of those the driver supports; what it does not support is rejected at startup, none is skipped',
  ];
}

function caseRow({ name, title }: ConformanceCase, columns: readonly ConformanceReport[]): string[] {
  return [title, ...columns.map(({ cases }) => cases.find((each) => each.name === name)?.outcome ?? 'not run')];
}

/** Padded the way Prettier does it, so that formatting the README changes nothing. */
function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [first = [], ...others] = all;
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)];
}

/**
 * Where the page says something else than the runs on this machine, a sentence each; a broker that was not run here is
 * not judged.
 */
export function disagreements(page: string, reports: readonly ConformanceReport[]): string[] {
  const told = cellsByBroker(tableIn(page));
  const expected = cellsByBroker(brokerTable(reports));
  return [...expected]
    .filter(([place, cell]) => told.get(place) !== cell)
    .map(([place, cell]) => `${place}: the page says "${told.get(place) ?? 'nothing'}", the run says "${cell}"`);
}

/** `kafka / groups` and what stands there, for every cell of both tables. */
function cellsByBroker(table: string): Map<string, string> {
  const cells = new Map<string, string>();
  let head: string[] = [];
  for (const line of table.split('\n').filter((each) => each.startsWith('|'))) {
    const row = line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim());
    if (row[0] === 'Capability' || row[0] === 'A driver ...') head = row;
    head.forEach((broker, column) => {
      if (BROKERS.includes(broker) && row !== head) cells.set(`${broker} / ${row[0]}`, row[column] ?? '');
    });
  }
  return cells;
}
