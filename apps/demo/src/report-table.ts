import { DEAD_LETTER_HEADERS } from 'nest-transport';
import type { Invariant } from './invariants.js';
import type { BrokerName } from './command-line.js';
import { coloursOf, type Colours } from './output.js';
import { summarize, type RunFacts } from './run-report.js';

/** What a person reads at the end of a run. */
export function describeRun(
  facts: RunFacts,
  invariants: readonly Invariant[],
  colours: Colours = coloursOf(false),
): string {
  return [
    '',
    ...table(summaryRows(facts)),
    '',
    'dead letters, read back from their topics',
    ...facts.deadLetters.flatMap(deadLetterLines),
    '',
    'what must hold',
    ...invariants.flatMap((each) => invariantLines(each, colours)),
    '',
    verdict(invariants, colours),
    '',
  ].join('\n');
}

/** What to type while the shop stays open. */
export function describeShop(orders: string, inventory: string, skus: readonly string[]): string {
  const [sku = 'lamp'] = skus;
  const body = JSON.stringify({ userId: 'you', items: [{ sku, quantity: 1, unitPriceCents: 8_900 }] });
  return [
    'The shop stays open until Ctrl-C. Try, in another terminal:',
    '',
    `  curl -s -X POST ${orders}/orders -H 'content-type: application/json' -d '${body}'`,
    `  curl -s ${orders}/orders/<the orderId of the answer>`,
    `  curl -s ${inventory}/stock/${sku}`,
    `  curl -s ${orders}/health`,
    '',
  ].join('\n');
}

/** Three commands to go on with. */
export function describeNextSteps(broker: BrokerName, colours: Colours): string {
  const other = broker === 'memory' ? 'kafka' : 'memory';
  const steps = [
    [
      `npm run demo -- --broker ${other}`,
      `the same shop on ${other === 'memory' ? 'the memory broker' : 'a real Kafka'}; only the broker changes`,
    ],
    ['npm run demo -- --serve', 'leaves the shop open, with curl lines to place orders yourself'],
    ['npm run test:unit', 'the unit specs; then open docs/guides/getting-started.md'],
  ] as const;
  const width = Math.max(...steps.map(([command]) => command.length));
  const lines = steps.map(([command, about]) => `  ${colours('cyan', command.padEnd(width))}  ${about}`);
  return [colours('bold', 'Try next:'), '', ...lines, ''].join('\n');
}

type Row = readonly [name: string, value: string, note: string];

function summaryRows(facts: RunFacts): Row[] {
  const { broker, placed, reserved, rejected, deadLettered, retried, lost, stockConsistent } = summarize(facts);
  return [
    ['broker', broker, facts.origin],
    ['placed', String(placed), 'over HTTP; the poison order is one more, because nobody ever decides about it'],
    ['reserved', String(reserved), ''],
    ['rejected', String(rejected), 'stock could not fill them'],
    ['lost', String(lost), 'taken and never decided'],
    ['dead-lettered', String(deadLettered), 'messages: the malformed one and the poison order'],
    ['retried', String(retried), 'messages: the poison order (until given up) and the one that failed twice'],
    ['stock consistent', stockConsistent ? 'yes' : 'no', ''],
    ['settled in', seconds(facts.settledInMs), 'from the first order to the last outcome'],
    ['whole run', seconds(facts.durationMs), ''],
  ];
}

function table(rows: readonly Row[]): string[] {
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  const [names, values] = [width(0), width(1)];
  const rule = `+${'-'.repeat(names + 2)}+${'-'.repeat(values + 2)}+`;
  const lines = rows.map(([name, value, note]) =>
    `| ${name.padEnd(names)} | ${value.padStart(values)} | ${note}`.trimEnd(),
  );
  return [rule, ...lines, rule];
}

function deadLetterLines({ topic, headers }: RunFacts['deadLetters'][number]): string[] {
  const header = (name: string): string => headers[name] ?? '-';
  return [
    `  ${topic}`,
    `    key ${header(DEAD_LETTER_HEADERS.key)}, attempts ${header(DEAD_LETTER_HEADERS.attempts)}`,
    `    ${header(DEAD_LETTER_HEADERS.errorName)}: ${header(DEAD_LETTER_HEADERS.errorMessage)}`,
  ];
}

const invariantLines = ({ promise, faults }: Invariant, colours: Colours): string[] => [
  `  ${faults.length === 0 ? colours('green', 'ok    ') : colours('red', 'BROKEN')} ${promise}`,
  ...faults.map((fault) => `           ${fault}`),
];

function verdict(invariants: readonly Invariant[], colours: Colours): string {
  const broken = invariants.filter(({ faults }) => faults.length > 0).length;
  return broken === 0
    ? colours('green', 'All is well.')
    : colours('red', `${broken} of ${invariants.length} invariants are broken.`);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
