import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CAPABILITY_MEANINGS, type Capabilities } from 'nest-transport';
import { CONFORMANCE_CASES, type ConformanceReport, type Outcome } from 'nest-transport/conformance';
import { readReports, saveReport } from './reports.js';
import { brokerTable, disagreements, tableIn, writeTable } from './table.js';

const names = Object.keys(CAPABILITY_MEANINGS);
const capabilities = Object.fromEntries(names.map((name) => [name, 'native'])) as Capabilities;

function report(driver: string, outcomes: Readonly<Record<string, Outcome>> = {}): ConformanceReport {
  const cases = CONFORMANCE_CASES.map(({ name, title, capability }) => ({
    name,
    title,
    ...(capability === undefined ? {} : { capability }),
    outcome: outcomes[name] ?? ('passed' as const),
    durationMs: 1,
  }));
  return { driver, capabilities, cases };
}

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'conformance-'))));
afterEach(() => rmSync(folder, { recursive: true }));

test('brokers stand in the order of the README, with what they are in each capability', () => {
  const lesser = {
    ...report('memory', { 'a-handler-can-answer': 'unsupported' }),
    capabilities: { ...capabilities, requestReply: 'unsupported' as const },
  };
  const lines = brokerTable([report('kafka'), lesser]).split('\n');
  expect(lines[0]).toMatch(/^\| Capability +\| memory +\| kafka +\| What it means/);
  expect(lines.find((line) => line.includes('`requestReply`'))).toMatch(/\| unsupported +\| native /);
  const count = CONFORMANCE_CASES.length;
  expect(lines.find((line) => line.includes('conformance cases passed'))).toContain(`| ${count - 1} of ${count - 1}`);
  for (const name of names) expect(lines.some((line) => line.startsWith(`| \`${name}\``))).toBe(true);
});

test('a failed conformance case shows in its capability and in its own row', () => {
  const table = brokerTable([report('kafka', { 'members-share-a-group': 'failed' })]);
  expect(table).toMatch(/\| `groups` +\| \*\*failed\*\* +\|/);
  expect(table).toMatch(/gives each message to one member of a group +\| failed +\|/);
});

test('the table takes the place between the markers of the README, and of nothing else', () => {
  const path = join(folder, 'README.md');
  writeFileSync(path, 'before\n<!-- broker-table:start -->\nold\n<!-- broker-table:end -->\nafter $& $1\n');
  writeTable([report('memory')], path);
  writeTable([report('memory')], path);
  const readme = readFileSync(path, 'utf8');
  expect(tableIn(readme)).toBe(brokerTable([report('memory')]));
  expect(readme).toMatch(/^before\n<!-- broker-table:start -->/);
  expect(readme).toMatch(/<!-- broker-table:end -->\nafter \$& \$1\n$/);
});

test('a README without markers is refused with the lines it needs', () => {
  const path = join(folder, 'README.md');
  writeFileSync(path, 'nothing');
  expect(() => writeTable([], path)).toThrow('<!-- broker-table:start -->');
});

test('a report is kept per driver, the last run wins, and it is read back as it was told', () => {
  const before = process.env['TRANSPORT_CONFORMANCE_REPORTS'];
  process.env['TRANSPORT_CONFORMANCE_REPORTS'] = folder;
  try {
    saveReport(report('memory', { 'topics-do-not-cross': 'failed' }));
    saveReport(report('memory'));
    saveReport(report('kafka'));
    expect(readReports()).toEqual([report('kafka'), report('memory')]);
  } finally {
    if (before === undefined) delete process.env['TRANSPORT_CONFORMANCE_REPORTS'];
    else process.env['TRANSPORT_CONFORMANCE_REPORTS'] = before;
  }
});

describe('a README is compared with the runs', () => {
  const readme = (...told: ConformanceReport[]): string =>
    `<!-- broker-table:start -->\n${brokerTable(told)}\n<!-- broker-table:end -->`;

  test('it agrees with what it was printed from, and a broker that was not run is not judged', () => {
    const both = readme(report('memory'), report('kafka'));
    expect(disagreements(both, [report('memory'), report('kafka')])).toEqual([]);
    expect(disagreements(both, [report('memory')])).toEqual([]);
  });

  test('a case that fails now, a capability that changed and a broker that is missing are told', () => {
    const now = report('kafka', { 'topics-do-not-cross': 'failed' });
    const told = disagreements(readme(report('kafka')), [now]);
    expect(told).toContain(
      'kafka / gives each subscription its own topic only, also where one application has many: the page says "passed", the run says "failed"',
    );
    const lesser = { ...report('kafka'), capabilities: { ...capabilities, headers: 'emulated' as const } };
    expect(disagreements(readme(report('kafka')), [lesser])).toEqual([
      'kafka / `headers`: the page says "native", the run says "emulated"',
    ]);
    expect(disagreements(readme(report('memory')), [report('kafka')])[0]).toContain('the page says "nothing"');
  });
});
