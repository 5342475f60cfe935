import { join } from 'node:path';
import type ts from 'typescript';
import {
  CAPABILITY_MEANINGS,
  CIRCUIT_BREAKER_DEFAULTS,
  ERROR_CODES,
  TRANSPORT_DEFAULTS,
  type Capabilities,
} from 'nest-transport';
import { AVRO_DEFAULTS, JSON_SCHEMA_DEFAULTS, SCHEMA_REGISTRY_DEFAULTS } from 'nest-transport/codecs';
import { kafka, KAFKA_DEFAULTS } from 'nest-transport/kafka';
import { nats, NATS_DEFAULTS } from 'nest-transport/nats';
import { nsq, NSQ_DEFAULTS } from 'nest-transport/nsq';
import { rabbitmq, RABBITMQ_DEFAULTS } from 'nest-transport/rabbitmq';
import { memory, MEMORY_DEFAULTS } from 'nest-transport/memory';
import { CONFORMANCE_CASES } from 'nest-transport/conformance';
import { read, root } from '../architecture/tree.js';
import { codeOf, rowsOf } from './markdown.js';
import { DRIVER_OPTIONS, pagesWithOptions, tableOf, withTable } from './options-table.js';
import { optionNames, programOf, publicNames, type InterfaceAt } from './sources.js';

const page = (path: string): string => read(path).text;

describe('docs/errors.md', () => {
  /** What the table and the codes do not agree on, both ways. */
  const disagreements = (text: string, codes: Readonly<Record<string, string>>): string[] => {
    const rows = rowsOf(text).flatMap(([cell, ...others]) => {
      const code = codeOf(cell);
      return code !== undefined && /^[A-Z]+_/.test(code) ? [{ code, others }] : [];
    });
    const told = rows.map(({ code }) => code);
    return [
      ...Object.keys(codes)
        .filter((code) => !told.includes(code))
        .map((code) => `${code} has no row`),
      ...told.filter((code) => !(code in codes)).map((code) => `${code} is no code`),
      ...told.filter((code, index) => told.indexOf(code) !== index).map((code) => `${code} has two rows`),
      ...rows.flatMap(({ code, others: [when, advice = '', retryable = ''] }) => [
        ...(code in codes && when !== codes[code] ? [`${code}: the code says "${codes[code]}"`] : []),
        ...(advice.length < 10 ? [`${code} does not say what to do`] : []),
        ...(/^(yes|no|depends)$/.test(retryable) ? [] : [`${code}: retryable is yes, no or depends`]),
      ]),
    ];
  };

  it('has one row per code: when it happens, what to do, whether it is retryable', () => {
    expect(disagreements(page('docs/errors.md'), ERROR_CODES)).toEqual([]);
    expect(Object.keys(ERROR_CODES).length).toBeGreaterThan(30);
  });

  it('would be caught with a row missing, one too many, two of a kind, another sentence, and no advice', () => {
    const table = (...rows: string[]): string =>
      ['| code | when | what to do | retryable |', '|---|---|---|---|', ...rows].join('\n');
    const codes = { TRANSPORT_A: 'A happens.', TRANSPORT_B: 'B happens.' };
    const a = '| `TRANSPORT_A` | A happens. | Do something about it. | no |';
    const b = '| `TRANSPORT_B` | B happens. | Do something about it. | depends |';
    expect(disagreements(table(a, b), codes)).toEqual([]);
    expect(disagreements(table(a), codes)).toEqual(['TRANSPORT_B has no row']);
    expect(disagreements(table(a, b, a.replace('_A', '_C')), codes)).toEqual(['TRANSPORT_C is no code']);
    expect(disagreements(table(a, b, b), codes)).toEqual(['TRANSPORT_B has two rows']);
    expect(disagreements(table(a, b.replace('B happens.', 'Bad.')), codes)).toEqual([
      'TRANSPORT_B: the code says "B happens."',
    ]);
    expect(disagreements(table(a, b.replace(/Do [^|]*/, '')), codes)).toEqual(['TRANSPORT_B does not say what to do']);
    expect(disagreements(table(a, b.replace('depends', 'perhaps')), codes)).toEqual([
      'TRANSPORT_B: retryable is yes, no or depends',
    ]);
  });
});

type Defaults = Readonly<Record<string, unknown>>;

const asWritten = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value));

/** The rows behind a marker, as option and cell of its default. */
function optionRows(text: string, marker: string): Map<string, string> {
  const table = text.split(`<!-- defaults: ${marker} -->\n`)[1]?.split('\n\n')[0] ?? '';
  return new Map(
    rowsOf(table).map(([option, value = '']) => [codeOf(option) ?? `a row without an option (${option})`, value]),
  );
}

/** What a table of options and the code do not agree on, both ways. */
function defaultDisagreements(
  rows: ReadonlyMap<string, string>,
  defaults: Defaults,
  options: readonly string[],
): string[] {
  return [
    ...options.filter((name) => !rows.has(name)).map((name) => `${name} has no row`),
    ...Object.keys(defaults)
      .filter((name) => !options.includes(name))
      .map((name) => `${name} has a default and is no option`),
    ...[...rows].flatMap(([name, cell]) => {
      if (!options.includes(name)) return [`${name} is no option`];
      const told = codeOf(cell);
      if (!(name in defaults)) {
        // n.b. a default in words may begin with code; a cell that is nothing but code claims to be a value.
        const isValue = told !== undefined && /^('|\d|true$|false$)/.test(told);
        return isValue
          ? [`${name}: ${told} is not in the table of defaults`]
          : cell === ''
            ? [`${name} has an empty default`]
            : [];
      }
      const value = asWritten(defaults[name]);
      return told === value ? [] : [`${name}: the code says ${value}, the page says ${cell}`];
    }),
  ];
}

describe('docs/defaults.md', () => {
  interface Table {
    readonly marker: string;
    readonly defaults: Defaults;
    readonly of: InterfaceAt;
    /** Whose options have a table of their own. */
    readonly without?: InterfaceAt;
  }
  const consuming: InterfaceAt = ['.', 'ConsumingOptions'];
  const tables: readonly Table[] = [
    { marker: 'module', defaults: TRANSPORT_DEFAULTS.module, of: ['.', 'TransportModuleOptions'] },
    { marker: 'subscriptions', defaults: TRANSPORT_DEFAULTS.subscriptions, of: consuming },
    { marker: 'subscribe', defaults: {}, of: ['.', 'SubscribeOptions'], without: consuming },
    { marker: 'retry', defaults: TRANSPORT_DEFAULTS.retry, of: ['.', 'RetryOptions'] },
    { marker: 'batch', defaults: TRANSPORT_DEFAULTS.batch, of: ['.', 'BatchOptions'] },
    { marker: 'circuitBreaker', defaults: CIRCUIT_BREAKER_DEFAULTS, of: ['.', 'CircuitBreakerOptions'] },
    { marker: 'publishing', defaults: TRANSPORT_DEFAULTS.publishing, of: ['.', 'PublishingOptions'] },
    { marker: 'avro', defaults: AVRO_DEFAULTS, of: ['./codecs', 'AvroOptions'] },
    { marker: 'jsonSchema', defaults: JSON_SCHEMA_DEFAULTS, of: ['./codecs', 'JsonSchemaOptions'] },
    { marker: 'schemaRegistry', defaults: SCHEMA_REGISTRY_DEFAULTS, of: ['./codecs', 'SchemaRegistryOptions'] },
    { marker: 'memory', defaults: MEMORY_DEFAULTS, of: ['./memory', 'MemoryOptions'] },
    { marker: 'kafka', defaults: KAFKA_DEFAULTS, of: ['./kafka', 'KafkaOptions'] },
    { marker: 'nats', defaults: NATS_DEFAULTS, of: ['./nats', 'NatsOptions'] },
    { marker: 'nsq', defaults: NSQ_DEFAULTS, of: ['./nsq', 'NsqOptions'] },
    { marker: 'rabbitmq', defaults: RABBITMQ_DEFAULTS, of: ['./rabbitmq', 'RabbitmqOptions'] },
  ];

  it.each(tables)('has every option of $marker and the defaults of the code, and nothing else', (table) => {
    const above = table.without === undefined ? [] : optionNames(table.without);
    const options = optionNames(table.of).filter((name) => !above.includes(name));
    expect(options.length).toBeGreaterThan(1);
    const rows = optionRows(page('docs/defaults.md'), table.marker);
    expect(defaultDisagreements(rows, table.defaults, options)).toEqual([]);
  });

  it('covers every table of defaults that the code has', () => {
    const covered = tables.map(({ defaults }) => defaults as unknown);
    expect(Object.values(TRANSPORT_DEFAULTS).filter((defaults) => !covered.includes(defaults))).toEqual([]);
    const markers = [...page('docs/defaults.md').matchAll(/<!-- defaults: (\w+) -->/g)].map(([, marker]) => marker);
    expect(markers).toEqual(tables.map(({ marker }) => marker));
  });

  it('has a table for every table of defaults that an application can set', () => {
    const camelCase = (name: string): string =>
      name.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    // n.b. tools for tests and the bare NSQ client are no options of an application.
    const ofApplications = publicNames().filter(
      ({ entryPoint }) => !['./testing', './conformance', './nsq/client'].includes(entryPoint),
    );
    const exported = ofApplications.flatMap(({ name }) => /^(?!TRANSPORT_)(.+)_DEFAULTS$/.exec(name)?.[1] ?? []);
    const markers = tables.map(({ marker }) => marker);
    expect(exported.map(camelCase).filter((name) => !markers.includes(name))).toEqual([]);
    expect(exported).toEqual(expect.arrayContaining(['KAFKA', 'RABBITMQ', 'CIRCUIT_BREAKER']));
  });

  it('would be caught with another value, a missing row, one too many, and a default that the code does not have', () => {
    const rows = (...lines: string[]): Map<string, string> =>
      optionRows(
        ['<!-- defaults: x -->', '| option | default | note |', '|---|---|---|', ...lines, '', '| `z` | `1` | |'].join(
          '\n',
        ),
        'x',
      );
    const options = ['limitMs', 'mode', 'name'];
    const defaults = { limitMs: 10, mode: 'fast' };
    const [limit, mode, name] = [
      '| `limitMs` | `10` | |',
      "| `mode` | `'fast'` | |",
      '| `name` | the service | |',
    ] as const;
    const judge = (...lines: string[]): string[] => defaultDisagreements(rows(...lines), defaults, options);
    expect(judge(limit, mode, name)).toEqual([]);
    expect(judge(limit.replace('10', '11'), mode, name)).toEqual(['limitMs: the code says 10, the page says `11`']);
    expect(judge(limit, mode.replaceAll("'", ''), name)).toEqual(["mode: the code says 'fast', the page says `fast`"]);
    expect(judge(limit, name)).toEqual(['mode has no row']);
    expect(judge(limit, mode, name, '| `mood` | `1` | |')).toEqual(['mood is no option']);
    expect(judge(limit, mode, '| `name` | `5` | |')).toEqual(['name: 5 is not in the table of defaults']);
    expect(judge(limit, mode, '| `name` | | |')).toEqual(['name has an empty default']);
    expect(defaultDisagreements(rows(limit, mode, name), { ...defaults, gone: 1 }, options)).toEqual([
      'gone has a default and is no option',
    ]);
  });
});

describe('the options table of a driver page', () => {
  const disagreements = (text: string, defaults: Defaults, options: readonly string[]): string[] => {
    const table = text.split('\n## Options\n')[1]?.split('\n\n')[0] ?? '';
    const rows = new Map(
      rowsOf(table).map(([option = '', value = '']) => [codeOf(option) ?? option, codeOf(value) ?? value]),
    );
    return [
      ...options.filter((name) => !rows.has(name)).map((name) => `${name} has no row`),
      ...[...rows.keys()].filter((name) => !options.includes(name)).map((name) => `${name} is no option`),
      ...Object.entries(defaults)
        .filter(([name, value]) => rows.has(name) && rows.get(name) !== asWritten(value))
        .map(([name, value]) => `${name}: the code says ${asWritten(value)}`),
    ];
  };

  const pages: [driver: string, defaults: Defaults, options: InterfaceAt][] = [
    ['kafka', KAFKA_DEFAULTS, ['./kafka', 'KafkaOptions']],
    ['nats', NATS_DEFAULTS, ['./nats', 'NatsOptions']],
    ['nsq', NSQ_DEFAULTS, ['./nsq', 'NsqOptions']],
    ['rabbitmq', RABBITMQ_DEFAULTS, ['./rabbitmq', 'RabbitmqOptions']],
  ];
  it.each(pages)('agrees with the code of %s', (driver, defaults, options) => {
    expect(disagreements(page(`docs/drivers/${driver}.md`), defaults, optionNames(options))).toEqual([]);
  });

  it('would be caught', () => {
    const text = '\n## Options\n| option | default |\n|---|---|\n| `a` | `2` |\n| `b` | none |\n\nmore';
    expect(disagreements(text, { a: 1 }, ['a', 'c'])).toEqual(['c has no row', 'b is no option', 'a: the code says 1']);
  });
});

describe("the README's broker table", () => {
  const drivers: Readonly<Record<string, Capabilities>> = {
    memory: memory().capabilities,
    kafka: kafka({ brokers: ['localhost:9092'] }).capabilities,
    nats: nats({ servers: ['localhost:4222'] }).capabilities,
    nsq: nsq({ nsqd: ['localhost:4150'] }).capabilities,
    rabbitmq: rabbitmq({ url: 'amqp://localhost' }).capabilities,
  };

  /** Where the printed table is older than the code. That it is what the runs said is the conformance suite's to know. */
  const disagreements = (text: string, cases: readonly string[]): string[] => {
    const printed = text.split(/<!-- broker-table:(?:start|end) -->/)[1] ?? '';
    const rows = new Map(rowsOf(printed).map(([name = '', ...cells]) => [codeOf(name) ?? name, cells]));
    const capabilities = Object.entries(CAPABILITY_MEANINGS).flatMap(([name, meaning]) => {
      const said = Object.values(drivers).map((driver) => driver[name as keyof Capabilities]);
      const expected = [...said, meaning].join(' | ');
      const told = rows.get(name)?.join(' | ');
      return told === expected ? [] : [`${name}: the drivers say ${expected}, the table says ${told ?? 'nothing'}`];
    });
    const cells = cases.flatMap((title) => (rows.get(title) ?? ['no row']).map((cell) => ({ title, cell })));
    return [
      ...capabilities,
      ...cells.flatMap(({ title, cell }) => (/^(passed|unsupported)$/.test(cell) ? [] : [`${title}: ${cell}`])),
    ];
  };
  const titles = CONFORMANCE_CASES.map(({ title }) => title);

  it('has what the drivers say of every capability, and every conformance case, none of them failed', () => {
    expect(disagreements(page('docs/conformance.md'), titles)).toEqual([]);
    expect(titles.length).toBeGreaterThan(40);
  });

  it('would be caught with another cell, a failed case, and one that is not there', () => {
    const readme = page('docs/conformance.md');
    const lesser = readme.replace(/(\| `durability` +\| )unsupported/, '$1native');
    expect(disagreements(lesser, titles)).toEqual([
      expect.stringMatching(/^durability: the drivers say unsupported \| native/),
    ]);
    const [title = ''] = titles;
    const broken = readme
      .split('\n')
      .map((line) => (line.startsWith(`| ${title}`) ? line.replace('passed', 'failed') : line));
    expect(disagreements(broken.join('\n'), titles)).toEqual([`${title}: failed`]);
    expect(disagreements(readme, [...titles, 'flies'])).toEqual(['flies: no row']);
  });
});

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
  const path = join(root, 'test/docs/planted-options.ts');
  const text = [
    "type Mode = 'fast' | 'safe';",
    'interface Tls { readonly ca?: string; readonly key?: string }',
    'export interface GoodOptions {',
    '  /** Addresses. */',
    '  readonly hosts: readonly string[];',
    "  /** The mode, `'a' | 'b'`. @default 'safe' */",
    '  readonly mode?: Mode;',
    '  /**\n   * Encrypts\n   * connections. @default no encryption\n   */',
    '  readonly tls?: true | Tls;',
    '  /** Names a queue. @default none */',
    '  readonly name?: (topic: string) => string;',
    '  /** More. @default none */',
    '  readonly more?: Readonly<Record<string, string>>;',
    '}',
    'export interface BareOptions {\n readonly a: string }',
    'export interface ValueOptions {\n /** @default 1 */ readonly a?: number }',
    'export interface NoDefaultOptions {\n /** The a. */ readonly a?: number }',
  ].join('\n');
  let program: ts.Program;
  beforeAll(() => (program = programOf([path], new Map([[path, text]]))));

  it('has default, type and meaning of each member: literals as code, unions one by one, the members of an interface', () => {
    expect(tableOf(program, path, 'GoodOptions').split('\n').slice(2)).toEqual([
      '| `hosts` | required | `string[]` | Addresses. |',
      "| `mode` | `'safe'` | `'fast'`, `'safe'` | The mode, `'a' \\| 'b'`. |",
      '| `tls` | no encryption | `true`, `{ ca, key }` | Encrypts connections. |',
      '| `name` | none | `function` | Names a queue. |',
      '| `more` | none | `object` | More. |',
    ]);
  });

  it.each([
    ['BareOptions', 'BareOptions.a has no docstring.'],
    ['ValueOptions', 'ValueOptions.a has no docstring.'],
    ['NoDefaultOptions', 'NoDefaultOptions.a has no @default.'],
    ['GoneOptions', 'exports no interface GoneOptions'],
  ])('is an error for an interface without its texts: %s', (name, complaint) => {
    expect(() => tableOf(program, path, name)).toThrow(complaint);
  });

  it('replaces the table behind its mark, and nothing else', () => {
    const before = '# x\n\n## Options\n\n| a |\n|---|\n| 1 |\n\nmore\n\n| b |\n';
    expect(withTable(before, '## Options', '| c |')).toBe('# x\n\n## Options\n| c |\n\nmore\n\n| b |\n');
    expect(() => withTable('# x\n\n## Options\n\nnone', '## Options', '| c |')).toThrow('no table behind "## Options"');
    expect(() => withTable('# x\n', '## Options', '| c |')).toThrow('no table behind "## Options"');
  });
});
