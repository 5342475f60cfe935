import type { Database, SqlSession } from './database.js';

/** One step of a schema; never edited once it has run somewhere, only followed by another. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/**
 * Brings a schema up to date: each migration once, in the order given, all or nothing.
 * Instances that start together wait for each other.
 */
export async function migrate(database: Database, schema: string, migrations: readonly Migration[]): Promise<void> {
  await database.transaction(async (session) => {
    await session.query('select pg_advisory_xact_lock(hashtext($1))', [`migrate ${schema}`]);
    await session.run(`
      create schema if not exists ${schema};
      create table if not exists ${schema}.migrations (name text primary key, applied_at timestamptz not null default now())
    `);
    for (const migration of migrations) await applyOnce(session, schema, migration);
  });
}

async function applyOnce(session: SqlSession, schema: string, { name, sql }: Migration): Promise<void> {
  const added = await session.query(
    `insert into ${schema}.migrations (name) values ($1) on conflict do nothing returning name`,
    [name],
  );
  if (added.length > 0) await session.run(sql);
}
