import type { Migration } from '@demo/platform';

/** The service's own schema: sharing a database does not mean sharing tables. */
export const SCHEMA = 'inventory_service';

export const MIGRATIONS: readonly Migration[] = [
  {
    name: '0001-stock-and-reservations',
    sql: `
      create table ${SCHEMA}.stock (
        sku       text primary key,
        available integer not null check (available >= 0),
        reserved  integer not null default 0 check (reserved >= 0)
      );
      create table ${SCHEMA}.reservations (
        order_id   text primary key,
        outcome    text not null check (outcome in ('reserved', 'rejected')),
        reason     text,
        items      jsonb not null,
        created_at timestamptz not null default now()
      );
    `,
  },
];
