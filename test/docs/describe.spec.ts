import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { defineEvent, GUARANTEE_REASONS, Subscribe, type Broker, type TopicFacts } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { wrapBroker } from 'nest-transport/testing';
import { read } from '../architecture/tree.js';
import { boot, closeAll, remembering } from '../nest/boot.js';
import { blocksOf, codeOf, rowsOf } from './markdown.js';

const { text: page } = read('docs/guides/describe.md');

afterEach(closeAll);

describe('the reasons of docs/guides/describe.md', () => {
  const disagreements = (
    text: string,
    reasons: Readonly<Record<string, { effect: string; why: string }>>,
  ): string[] => {
    const table = text.split('<!-- reasons -->\n')[1]?.split('\n\n')[0] ?? '';
    const told = new Map(rowsOf(table).map(([code, ...cells]) => [codeOf(code) ?? '', cells.join(' | ')]));
    const expected = ({ effect, why }: { effect: string; why: string }): string =>
      `${effect === 'note' ? 'a note' : `\`${effect}\``} | ${why.replace('%s', '...')}`;
    return [
      ...[...told.keys()].filter((code) => !(code in reasons)).map((code) => `${code} is no reason`),
      ...Object.entries(reasons)
        .filter(([code, rule]) => told.get(code) !== expected(rule))
        .map(([code, rule]) => `${code}: ${told.get(code) ?? 'no row'}, the code says ${expected(rule)}`),
    ];
  };

  it('are those of the code', () => {
    expect(disagreements(page, GUARANTEE_REASONS)).toEqual([]);
    expect(Object.keys(GUARANTEE_REASONS).length).toBeGreaterThan(15);
  });

  it('would be caught with a row missing, one too many and another sentence', () => {
    const text =
      '<!-- reasons -->\n| code | leaves | why |\n|---|---|---|\n| `a` | `may-lose` | it is so |\n| `b` | a note | x |\n\n';
    const rule = { effect: 'may-lose', why: 'it is so' };
    expect(disagreements(text, { a: rule })).toEqual(['b is no reason']);
    expect(disagreements(text, { a: { ...rule, why: 'it is not' }, b: { effect: 'note', why: 'x' } })).toHaveLength(1);
    expect(disagreements(text, { a: rule, b: { effect: 'note', why: 'x' }, c: rule })).toHaveLength(1);
  });
});

describe('the log of docs/guides/describe.md', () => {
  const Created = defineEvent<{ id: string }>('order.created', { key: ({ id }) => id });

  @Controller()
  class Inventory {
    @Subscribe(Created, { group: 'inventory', concurrency: 32 })
    reserve(@Payload() _: unknown): void {}
  }
  @Controller()
  class Prices {
    @Subscribe('price.changed', { group: 'cache', delivery: 'every-instance' })
    update(): void {}
  }

  /** What a start on Kafka writes, with topics that are kept like this. n.b. the words of the driver are those of facts.ts. */
  const written = async (topic: Partial<TopicFacts>, controllers: (new () => object)[]): Promise<string[]> => {
    const safe: TopicFacts = { storage: 'disk', copies: 3, confirmedCopies: 2 };
    const broker: Broker = {
      ...wrapBroker(
        memory(),
        () => ({
          describe: async (questions) => ({
            confirmedBy: 'all',
            remedy: { 'one-copy': 'Create the topic with replication factor 3.' },
            topics: questions.map(({ group }) => (group === undefined ? safe : { ...safe, ...topic })),
          }),
        }),
        { durability: 'native' },
      ),
      driver: 'kafka',
    };
    const logger = remembering();
    await boot({ controllers }, { transport: { broker, logger, subscriptions: {} } });
    return logger.lines
      .map((line) => line.replace(/^\w+ /, ''))
      .filter((line) => /<-|^Messages can be lost/.test(line));
  };

  it('is what a start writes', async () => {
    const [table, warning] = blocksOf(page).filter(({ info }) => info === 'text');
    expect(table?.text.split('\n')).toEqual(await written({}, [Inventory, Prices]));
    expect([warning?.text]).toEqual((await written({ copies: 1 }, [Inventory])).slice(1));
  });
});
