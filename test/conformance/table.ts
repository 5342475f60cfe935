import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CAPABILITY_MEANINGS, type CapabilityName } from 'nest-transport';
import { ALL_PROMISES, type ConformanceReport, type ConformancePromise } from 'nest-transport/conformance';

/** In the order of the README; a broker that was not run on this machine is left out. */
const BROKERS = ['memory', 'kafka', 'nats', 'nsq', 'rabbitmq'];
const START = '<!-- broker-table:start -->';
const END = '<!-- broker-table:end -->';

/** What a broker can promise, and which promises it kept, printed from conformance runs and from nothing else. */
export function brokerTable(reports: readonly ConformanceReport[]): string {
  const known = reports.filter(({ driver }) => BROKERS.includes(driver));
  const columns = [...known].sort((a, b) => BROKERS.indexOf(a.driver) - BROKERS.indexOf(b.driver));
  const names = columns.map(({ driver }) => driver);
  return [
    ...markdown(['Capability', ...names, 'What it means'], [...capabilityRows(columns), promisesRow(columns)]),
    '',
    '<details><summary>Every promise, broker by broker</summary>',
    '',
    ...markdown(
      ['A driver ...', ...names],
      ALL_PROMISES.map((promise) => promiseRow(promise, columns)),
    ),
    '',
    '</details>',
  ].join('\n');
}

/** The part of the README that is printed, without its markers. @throws Error when the markers are not there */
export function tableIn(readme: string): string {
  const [start, end] = [readme.indexOf(START), readme.indexOf(END)];
  if (start === -1 || end < start) throw new Error(`README.md needs the lines "${START}" and "${END}".`);
  return readme.slice(start + START.length, end).trim();
}

/** The README with the table put between its markers. */
export function withTable(readme: string, table: string): string {
  return readme.replace(
    `${START}${readme.split(START)[1]?.split(END)[0] ?? ''}${END}`,
    () => `${START}\n\n${table}\n\n${END}`,
  );
}

export const readmePath = fileURLToPath(new URL('../../README.md', import.meta.url));

/** Puts the table of these reports into the README. */
export function writeTable(reports: readonly ConformanceReport[], path = readmePath): void {
  const readme = readFileSync(path, 'utf8');
  tableIn(readme);
  writeFileSync(path, withTable(readme, brokerTable(reports)));
}

function capabilityRows(columns: readonly ConformanceReport[]): string[][] {
  return (Object.keys(CAPABILITY_MEANINGS) as CapabilityName[]).map((name) => [
    `\`${name}\``,
    ...columns.map((report) => capabilityCell(report, name)),
    CAPABILITY_MEANINGS[name],
  ]);
}

/** A capability is as good as the worst of its promises. */
function capabilityCell({ capabilities, promises }: ConformanceReport, name: CapabilityName): string {
  const broken = promises.some(({ capability, outcome }) => capability === name && outcome === 'broken');
  if (broken) return '**broken**';
  return capabilities[name] === 'absent' ? 'refused' : capabilities[name];
}

function promisesRow(columns: readonly ConformanceReport[]): string[] {
  const cells = columns.map(({ promises }) => {
    const kept = promises.filter(({ outcome }) => outcome === 'kept').length;
    const refused = promises.filter(({ outcome }) => outcome === 'refused').length;
    return `${kept} of ${promises.length - refused}`;
  });
  return ['promises kept', ...cells, 'of those it makes; what it does not make is refused by code, none is skipped'];
}

function promiseRow({ name, title }: ConformancePromise, columns: readonly ConformanceReport[]): string[] {
  return [title, ...columns.map(({ promises }) => promises.find((each) => each.name === name)?.outcome ?? 'not run')];
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
 * Where a README says something else than the runs on this machine, a sentence each; a broker that was not run here is
 * not judged.
 */
export function disagreements(readme: string, reports: readonly ConformanceReport[]): string[] {
  const told = cellsByBroker(tableIn(readme));
  const expected = cellsByBroker(brokerTable(reports));
  return [...expected]
    .filter(([place, cell]) => told.get(place) !== cell)
    .map(([place, cell]) => `${place}: README says "${told.get(place) ?? 'nothing'}", the run says "${cell}"`);
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
