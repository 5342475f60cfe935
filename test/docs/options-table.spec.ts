import { join } from 'node:path';
import { read, root } from '../architecture/tree.js';
import { DRIVER_OPTIONS, pagesWithOptions, tableOf, withTable } from './options-table.js';
import { programOf } from './sources.js';

const page = (path: string): string => read(path).text;

describe('the tables of driver options', () => {
  it('are those of the docstrings, in docs/defaults.md and on the page of each driver', () => {
    const wanted = pagesWithOptions(page);
    expect([...wanted].filter(([path, text]) => page(path) !== text).map(([path]) => path)).toEqual([]);
    expect([...wanted.keys()]).toEqual([
      'docs/defaults.md',
      'docs/drivers/kafka.md',
      'docs/drivers/nats.md',
      'docs/drivers/nsq.md',
      'docs/drivers/rabbitmq.md',
    ]);
    expect(DRIVER_OPTIONS).toHaveLength(5);
  });

  it('would be caught with another text, another default, and a row too many', () => {
    const isStale = (change: (text: string) => string): boolean => {
      const changed = change(page('docs/drivers/kafka.md'));
      const text = pagesWithOptions((path) => (path === 'docs/drivers/kafka.md' ? changed : page(path)));
      return text.get('docs/drivers/kafka.md') !== changed;
    };
    expect(isStale((text) => text)).toBe(false);
    expect(isStale((text) => text.replace('Time between heartbeats', 'Pause between heartbeats'))).toBe(true);
    expect(isStale((text) => text.replace('| `sessionTimeoutMs` | `30000`', '| `sessionTimeoutMs` | `3000`'))).toBe(
      true,
    );
    expect(isStale((text) => text.replace('\n| `acks`', '\n| `more` | none | | |\n| `acks`'))).toBe(true);
  });
});

describe('a table of options', () => {
  const planted = (text: string): string => {
    const path = join(root, 'test/docs/planted-options.ts');
    return tableOf(programOf([path], new Map([[path, text]])), path, 'XOptions');
  };

  it('has default, type and meaning of each member: literals as code, unions one by one, the members of an interface', () => {
    const text = [
      "type Mode = 'fast' | 'safe';",
      'interface Tls { readonly ca?: string; readonly key?: string }',
      'export interface XOptions {',
      '  /** Addresses. */ readonly hosts: readonly string[];',
      "  /** The mode, `'a' | 'b'`. @default 'safe' */ readonly mode?: Mode;",
      '  /**\n   * Encrypts\n   * connections. @default no encryption\n   */\n  readonly tls?: true | Tls;',
      '  /** Names a queue. @default none */ readonly name?: (topic: string) => string;',
      '  /** More. @default none */ readonly more?: Readonly<Record<string, string>>;',
      '}',
    ].join('\n');
    expect(planted(text).split('\n').slice(2)).toEqual([
      '| `hosts` | required | `string[]` | Addresses. |',
      "| `mode` | `'safe'` | `'fast'`, `'safe'` | The mode, `'a' \\| 'b'`. |",
      '| `tls` | no encryption | `true`, `{ ca, key }` | Encrypts connections. |',
      '| `name` | none | `function` | Names a queue. |',
      '| `more` | none | `object` | More. |',
    ]);
  });

  it.each([
    ['no docstring', 'export interface XOptions { readonly a: string }', 'XOptions.a has no docstring.'],
    [
      'a default alone',
      'export interface XOptions { /** @default 1 */ readonly a?: number }',
      'XOptions.a has no docstring.',
    ],
    ['no default', 'export interface XOptions { /** The a. */ readonly a?: number }', 'XOptions.a has no @default.'],
    [
      'another interface',
      'export interface YOptions { /** The a. */ readonly a: number }',
      'exports no interface XOptions',
    ],
  ])('is rejected with %s', (_what, text, complaint) => {
    expect(() => planted(text.replace('{', '{\n'))).toThrow(complaint);
  });

  it('replaces the table behind its mark, and nothing else', () => {
    const before = '# x\n\n## Options\n\n| a |\n|---|\n| 1 |\n\nmore\n\n| b |\n';
    expect(withTable(before, '## Options', '| c |')).toBe('# x\n\n## Options\n| c |\n\nmore\n\n| b |\n');
    expect(() => withTable('# x\n\n## Options\n\nnone', '## Options', '| c |')).toThrow('no table behind "## Options"');
    expect(() => withTable('# x\n', '## Options', '| c |')).toThrow('no table behind "## Options"');
  });
});
