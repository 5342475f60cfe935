import type { PGlite, Transaction } from '@electric-sql/pglite';
import type { Database, SqlSession } from './database.js';
import { openEmpty } from './empty-postgres.js';

/** A Postgres inside this process, in memory: nothing to install, nothing left afterwards. */
export async function openInProcess(): Promise<Database> {
  return new PgliteDatabase(await openEmpty());
}

class PgliteDatabase implements Database {
  constructor(private readonly pglite: PGlite) {}

  query<Row extends object>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return sessionOf(this.pglite).query<Row>(sql, parameters);
  }

  run(script: string): Promise<void> {
    return sessionOf(this.pglite).run(script);
  }

  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.pglite.transaction((transaction) => work(sessionOf(transaction)));
  }

  async close(): Promise<void> {
    if (!this.pglite.closed) await this.pglite.close();
  }
}

const sessionOf = (target: PGlite | Transaction): SqlSession => ({
  query: async <Row extends object>(sql: string, parameters: readonly unknown[] = []) =>
    (await target.query<Row>(sql, [...parameters])).rows,
  run: async (script) => {
    await target.exec(script);
  },
});
