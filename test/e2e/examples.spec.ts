import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../architecture/tree.js';
import { documentedLines, runExample } from './examples.js';
import { SourceProcess } from './source-process.js';

const names = readdirSync(join(root, 'examples')).filter((name) => /^\d\d-/.test(name));
/** 02 needs Kafka: examples.kafka.spec.ts. 08 ends its process. */
const inThisProcess = names.filter((name) => !/^0[28]-/.test(name));

const matching = (lines: RegExp[]): unknown[] => lines.map((line) => expect.stringMatching(line) as unknown);

it('examples are numbered from 01 to 08, without a gap', () => {
  expect(names.map((name) => name.slice(0, 2))).toEqual(['01', '02', '03', '04', '05', '06', '07', '08']);
});

it.each(inThisProcess)('example %s prints what its page says', async (name) => {
  expect(await runExample(name)).toEqual(matching(documentedLines(name)));
});

it('example 08-health prints what its page says, and ends with 0', async () => {
  const run = new SourceProcess('scripts/example.mjs', ['08']);
  try {
    expect(await run.exited).toBe(0);
    expect(run.lines).toEqual(matching(documentedLines('08-health')));
  } finally {
    await run.end();
  }
}, 60_000);

it('an example that does not exist is an error with the list of those that do', async () => {
  const run = new SourceProcess('scripts/example.mjs', ['99']);
  try {
    expect(await run.exited).toBe(1);
    expect(run.stderr).toContain('There is no example "99"');
    expect(run.stderr).toContain('npm run example -- 01-hello');
  } finally {
    await run.end();
  }
}, 60_000);

it('a page that says another line, or one line less, would be seen', () => {
  const lines = documentedLines('01-hello');
  expect(lines).toHaveLength(3);
  expect(['publishing', 'received: hello Ada', 'closed']).toEqual(matching(lines));
  expect(['publishing', 'received: hello Bob', 'closed']).not.toEqual(matching(lines));
  expect(['publishing', 'received: hello Ada']).not.toEqual(matching(lines));
});
