import type { Migration } from '@demo/platform';

/** The service's own schema: sharing a database does not mean sharing tables. */
export const SCHEMA = 'order_service';

export const MIGRATIONS: readonly Migration[] = [
  {
    name: '0001-orders',
    sql: `
      create table ${SCHEMA}.orders (
        order_id     text primary key,
        user_id      text not null,
        items        jsonb not null,
        amount_cents bigint not null check (amount_cents >= 0),
        state        text not null check (state in ('new', 'placed', 'failed', 'reserved', 'rejected')),
        reason       text,
        created_at   timestamptz not null default now(),
        updated_at   timestamptz not null default now()
      );
      create index orders_by_state on ${SCHEMA}.orders (state, created_at);
    `,
  },
];
