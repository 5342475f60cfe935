import type { Database } from './database.js';
import { openDatabase } from './database.module.js';
import { migrate } from './migrate.js';

const FIRST = {
  name: '0001-things',
  sql: 'create table spec.things (name text primary key); create view spec.all_things as select * from spec.things',
};

describe('the in-process Postgres', () => {
  let database: Database;

  beforeAll(async () => {
    database = await openDatabase(undefined);
    await migrate(database, 'spec', [FIRST]);
  });
  afterAll(async () => {
    await database.close();
    // Twice is the same as once.
    await database.close();
  });

  const names = async (): Promise<string[]> =>
    (await database.query<{ name: string }>('select name from spec.things order by name')).map(({ name }) => name);

  test('runs a migration once, however often it starts, and together with others', async () => {
    const second = { name: '0002-one-thing', sql: `insert into spec.things values ('from a migration')` };
    await Promise.all([1, 2, 3].map(() => migrate(database, 'spec', [FIRST, second])));
    expect(await names()).toEqual(['from a migration']);
  });

  test('leaves nothing of a migration that fails', async () => {
    const broken = {
      name: '0003-broken',
      sql: `insert into spec.things values ('half'); insert into spec.nowhere values (1)`,
    };
    await expect(migrate(database, 'spec', [broken])).rejects.toThrow('nowhere');
    expect(await names()).not.toContain('half');
    await expect(migrate(database, 'spec', [{ ...broken, sql: 'select 1' }])).resolves.toBeUndefined();
  });

  test('rolls a transaction back when its work throws', async () => {
    const work = database.transaction(async (session) => {
      await session.query('insert into spec.things values ($1)', ['undone']);
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow('changed my mind');
    expect(await names()).not.toContain('undone');
  });
});

test('an in-process Postgres is empty, whatever those before it held', async () => {
  const [before, after] = [await openDatabase(undefined), await openDatabase(undefined)];
  await before.run('create table held (name text)');
  const tables = `select tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`;
  expect([await before.query(tables), await after.query(tables)]).toEqual([[{ tablename: 'held' }], []]);
  const next = await openDatabase(undefined);
  expect(await next.query(tables)).toEqual([]);
  await Promise.all([before, after, next].map((database) => database.close()));
}, 60_000);

describe('a Postgres server', () => {
  test('that is not there is named, without its password', async () => {
    const opening = openDatabase('postgres://shop:secret@127.0.0.1:1/shop');
    await expect(opening).rejects.toThrow(
      /Postgres at 127\.0\.0\.1:1\/shop \(DATABASE_URL\) cannot be used: .*ECONNREFUSED/,
    );
    await expect(opening).rejects.not.toThrow('secret');
  });
});
