import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../architecture/tree.js';
import { entryPoints } from '../docs/sources.js';
import { ACCEPT, changes, keptReports } from './kept.js';
import { leaksIn, reportsOf, type Reports } from './reports.js';

/** n.b. the emitter and API Extractor need seconds, more of them beside other suites. */
const MOST_MS = 120_000;

describe('the public surface', () => {
  let now: Reports;
  beforeAll(() => {
    now = reportsOf({ folder: join(root, 'libs/transport/src'), entryPoints: entryPoints() });
  }, MOST_MS);

  it('is as it was accepted, at every entry point', () => {
    expect(changes(keptReports(), now)).toBe('');
    expect([...now.keys()]).toEqual(expect.arrayContaining(['index', 'kafka', 'nsq-client', 'testing']));
    expect(now.get('kafka')).toMatch(/^export function kafka\(options: KafkaOptions\): Broker;$/m);
    expect(now.get('index')).toMatch(/^ {4}readonly maxInFlight\?: number;$/m);
  });

  it('shows no type of a client library', () => {
    expect(leaksIn(now)).toEqual([]);
  });
});

describe('a planted package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nest-transport-planted-'));
  beforeAll(() => symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules')));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Each text is a file; all but `shapes` are entry points, `index` the main one. */
  function reported(texts: Readonly<Record<string, string>>): Reports {
    const pathOf = (name: string): string => join(folder, `${name}.ts`);
    for (const [name, text] of Object.entries(texts)) writeFileSync(pathOf(name), text);
    const names = Object.keys(texts).filter((name) => name !== 'shapes');
    return reportsOf({
      folder,
      entryPoints: new Map(names.map((name) => [name === 'index' ? '.' : `./${name}`, pathOf(name)])),
    });
  }

  const shapes = `
    export const SAYS = { why: 'a sentence of words', mode: 'key' } as const;
    export interface Shared { readonly id: string }
    interface Hidden { readonly size: number }
    export interface Options { readonly limit?: number; readonly mode?: string; readonly hidden?: Hidden }
    export class Client { private secret = 1; #own = 2; send(options: Options): void { void this.secret; void this.#own; } }`;
  const planted = {
    index: `export { SAYS, type Shared } from './shapes.js';`,
    driver: `import type { Shared } from './shapes.js';
      export { Client, type Options } from './shapes.js';
      export declare function make(shared: Shared): void;`,
    shapes,
  };
  const replaced = (text: string, ...pairs: readonly (readonly [before: string, after: string])[]): string =>
    pairs.reduce((changed, [before, after]) => changed.replace(before, after), text);

  it(
    'would be caught with another method, option, type, name or entry point, and what these reach, and not with another body',
    () => {
      const was = reported(planted);
      const now = reported({
        index: `${planted.index}\nexport const more = 1;`,
        driver: planted.driver,
        shapes: replaced(
          shapes,
          ['send(options: Options)', 'send(options: Options, now: boolean)'],
          ['readonly mode?: string;', ''],
          ['readonly limit?: number', 'readonly limit: number'],
          ['readonly size: number', 'readonly size: string'],
          ['readonly id: string', 'readonly id: number'],
          ["mode: 'key'", "mode: 'none'"],
        ),
      });
      const [advice = '', ...parts] = changes(was, now).split(/^(?=\w+:$)/m);
      expect(advice).toContain(ACCEPT);
      expect(parts.map((part) => part.trimEnd().split('\n'))).toEqual([
        [
          'driver:',
          '  -     send(options: Options): void;',
          '  -     readonly size: number;',
          '  -     readonly limit?: number;',
          '  -     readonly mode?: string;',
          '  +     send(options: Options, now: boolean): void;',
          '  +     readonly size: string;',
          '  +     readonly limit: number;',
        ],
        [
          'index:',
          '  -     readonly mode: "key";',
          '  -     readonly id: string;',
          '  + export const more = 1;',
          '  +     readonly mode: "none";',
          '  +     readonly id: number;',
        ],
      ]);
      expect(changes(was, new Map([['index', was.get('index') ?? '']]))).toContain('driver:\n  - ');
      const inside = replaced(
        shapes,
        ['a sentence of words', 'another sentence'],
        ['void this.secret;', ''],
        ['private secret = 1;', ''],
      );
      expect(changes(was, reported({ ...planted, shapes: inside }))).toBe('');
    },
    MOST_MS,
  );

  it(
    'would be caught with a type of a client library, however it comes in; those of Nest, RxJS and Node may be shown',
    () => {
      const reports = reported({
        index: 'export {};',
        imported: `import type { Kafka } from 'kafkajs'; export interface Shape { readonly raw: Kafka }`,
        inPlace: `export interface Shape { readonly raw: import('kafkajs').Kafka }`,
        inferred: `import { Kafka } from 'kafkajs'; export const connect = () => new Kafka({ brokers: [] });`,
        again: `export { Kafka } from 'kafkajs';`,
        behind: `import type { Kafka } from 'kafkajs'; interface In { kafka: Kafka } export interface Out { readonly in: In }`,
        allowed: `import type { Type } from '@nestjs/common'; import type { Observable } from 'rxjs';
        import type { Socket } from 'node:net'; export type Shown = Type<Observable<Socket>> | Buffer;`,
      });
      expect(leaksIn(reports).map((leak) => leak.replace(/: .* of /, ' '))).toEqual([
        'imported kafkajs',
        'inPlace kafkajs',
        'inferred kafkajs',
        'again kafkajs',
        'behind kafkajs',
      ]);
    },
    MOST_MS,
  );
});
