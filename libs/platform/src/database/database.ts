/** Where SQL goes: a database, or one transaction of it. */
export interface SqlSession {
  /** One statement with `$1`, `$2`, ... for the parameters. */
  query<Row extends object>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** Many statements at once, without parameters. */
  run(script: string): Promise<void>;
}

/** A Postgres, wherever it runs. */
export interface Database extends SqlSession {
  /** Commits when `work` resolves, rolls back when it throws. */
  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The injection token of the service's `Database`. */
export const DATABASE = Symbol('DATABASE');
