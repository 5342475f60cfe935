import type { Pool, PoolClient } from 'pg';
import { UsageError } from '../command-line.js';
import type { Database, SqlSession } from './database.js';

/**
 * A Postgres server, tried once.
 * @throws UsageError that names the host, never the password
 */
export async function openServer(url: string, onIdleError: (error: Error) => void): Promise<Database> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // A broken idle connection emits 'error', and without a listener that ends the process.
  pool.on('error', onIdleError);
  const database = new PostgresDatabase(pool);
  try {
    await database.query('select 1');
  } catch (cause) {
    await database.close();
    const why = cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : String(cause);
    throw new UsageError(`Postgres at ${addressOf(url)} (DATABASE_URL) cannot be used: ${why}. Is it running?`, {
      cause,
    });
  }
  return database;
}

function addressOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  return parsed === undefined ? 'an address that is no URL' : `${parsed.host}${parsed.pathname}`;
}

class PostgresDatabase implements Database {
  #closed: Promise<void> | undefined;

  constructor(private readonly pool: Pool) {}

  query<Row extends object>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return sessionOf(this.pool).query<Row>(sql, parameters);
  }

  run(script: string): Promise<void> {
    return sessionOf(this.pool).run(script);
  }

  async transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('begin');
      const result = await work(sessionOf(client));
      await client.query('commit');
      return result;
    } catch (error) {
      // A connection that cannot even roll back must not go back to the pool.
      broken = await client.query('rollback').then(
        () => undefined,
        (rollbackError: Error) => rollbackError,
      );
      throw error;
    } finally {
      client.release(broken);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.pool.end();
    return this.#closed;
  }
}

const sessionOf = (target: Pool | PoolClient): SqlSession => ({
  query: async <Row extends object>(sql: string, parameters: readonly unknown[] = []) =>
    (await target.query<Row>(sql, [...parameters])).rows,
  run: async (script) => {
    await target.query(script);
  },
});
