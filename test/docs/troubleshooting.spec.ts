import { ERROR_CODES } from 'nest-transport';
import { read, typeScriptFiles } from '../architecture/tree.js';
import { codeOf, rowsOf } from './markdown.js';

const sources = typeScriptFiles().filter(
  ({ path }) => path.startsWith('libs/transport/src/') && !path.endsWith('.spec.ts'),
);

/** What the page names and the code does not have: error codes, notices, and what is quoted of a log. */
function unknownNames(text: string, code: string): string[] {
  const firstCells = rowsOf(text).map(([cell = '']) => cell);
  const named = [
    ...[...text.matchAll(/\bTRANSPORT_[A-Z_]+\b/g)].map(([name]) => name).filter((name) => !(name in ERROR_CODES)),
    ...[...text.matchAll(/`([a-z]+:[a-z-]+)`/g)]
      .map(([, name = '']) => name)
      .filter((name) => !code.includes(`'${name}'`)),
    ...firstCells
      .flatMap((cell) => [...cell.matchAll(/"([^"]+)"/g)].map(([, quoted = '']) => quoted))
      .filter((quoted) => !code.includes(quoted)),
  ];
  return [...new Set(named)];
}

/** Notices that are written as a warning or an error: those with a line each, and those that come in bursts. */
const loud = (log: string): string[] =>
  [
    /^ {2}'([a-z]+:[a-z-]+)': \[\s*'(?:warn|error)'/gm,
    /^ {2}inBursts\(notices, '([a-z]+:[a-z-]+)', .*log\.(?:warn|error)\(/gm,
  ].flatMap((line) => [...log.matchAll(line)].map(([, name = '']) => name));

/** Loud notices without a row, and rows of others: what the page and the log do not agree on. */
function differences(text: string, log: string): string[] {
  const [, section = ''] = text.split('\n## Log lines\n');
  const told = rowsOf(section.split('\n## ')[0] ?? '').map(([cell]) => codeOf(cell) ?? '');
  const wanted = loud(log);
  return [
    ...wanted.filter((name) => !told.includes(name)).map((name) => `${name} has no row`),
    ...told.filter((name) => !wanted.includes(name)).map((name) => `${name} is no warning`),
  ];
}

describe('docs/guides/troubleshooting.md', () => {
  const { text } = read('docs/guides/troubleshooting.md');
  const code = sources.map((source) => source.text).join('\n');
  const log = ['notice-log', 'notice-bursts']
    .map((name) => read(`libs/transport/src/nest/logging/${name}.ts`).text)
    .join('\n');

  it('names no error code, no notice and no line of the log that the library does not have', () => {
    expect(unknownNames(text, code)).toEqual([]);
    expect(text.match(/TRANSPORT_[A-Z_]+/g)?.length).toBeGreaterThan(10);
  });

  it('has a row for every notice that is written as a warning or an error, and for no other', () => {
    expect(differences(text, log)).toEqual([]);
    expect(loud(log).length).toBeGreaterThan(8);
  });

  it('would be caught with names that are not there, a row missing, and one too many', () => {
    const page = '| look for | then |\n|---|---|\n| "Drains broker" | `message:lost` and TRANSPORT_NOTHING |';
    expect(unknownNames(page, code)).toEqual(['TRANSPORT_NOTHING', 'message:lost', 'Drains broker']);
    const table = '\n## Log lines\n| notice | says |\n|---|---|\n| `message:acked` | x |\n\n## Next';
    const lines = "  'message:acked': ['debug', f],\n  'commit:failed': ['warn', f],\n  'a:b': [\n    'error',\n";
    expect(differences(table, lines)).toEqual([
      'commit:failed has no row',
      'a:b has no row',
      'message:acked is no warning',
    ]);
  });
});
