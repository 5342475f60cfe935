import { DATABASE, migrate, type Database, type SqlSession } from '@demo/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { StockRepository } from '../biz/ports.js';
import {
  sumBySku,
  type Decision,
  type Reservation,
  type ReservationRequest,
  type StockItem,
} from '../biz/reservation.js';
import { MIGRATIONS, SCHEMA } from './migrations.js';

/** What is on the shelves when the service sees a sku for the first time. */
export type InitialStock = Readonly<Record<string, number>>;

export const INITIAL_STOCK = Symbol('INITIAL_STOCK');

interface ReservationRow {
  readonly outcome: Decision['outcome'];
  readonly reason: string | null;
  readonly items: ReservationRequest['items'];
}

@Injectable()
export class PostgresStockRepository extends StockRepository implements OnModuleInit {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(INITIAL_STOCK) private readonly initialStock: InitialStock,
  ) {
    super();
  }

  // Init hooks end before the first message or request comes in.
  async onModuleInit(): Promise<void> {
    await migrate(this.database, SCHEMA, MIGRATIONS);
    for (const [sku, available] of Object.entries(this.initialStock)) {
      await this.database.query(
        `insert into ${SCHEMA}.stock (sku, available) values ($1, $2) on conflict (sku) do nothing`,
        [sku, available],
      );
    }
  }

  async find(sku: string): Promise<StockItem | undefined> {
    const [item] = await this.database.query<StockItem>(
      `select sku, available, reserved from ${SCHEMA}.stock where sku = $1`,
      [sku],
    );
    return item;
  }

  reserveOnce(
    request: ReservationRequest,
    decide: (request: ReservationRequest, stock: readonly StockItem[]) => Decision,
  ): Promise<Reservation> {
    return this.database.transaction(async (session) => {
      await lockOrder(session, request.orderId);
      const kept = await findReservation(session, request.orderId);
      if (kept !== undefined) return kept;
      const decision = decide(request, await lockStock(session, request));
      await keep(session, { ...request, ...decision });
      if (decision.outcome === 'reserved') await moveStock(session, request);
      return { ...request, ...decision };
    });
  }
}

/** The same order twice at the same time: the second waits here and then finds what the first decided. */
async function lockOrder(session: SqlSession, orderId: string): Promise<void> {
  await session.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`${SCHEMA} ${orderId}`]);
}

async function findReservation(session: SqlSession, orderId: string): Promise<Reservation | undefined> {
  const [row] = await session.query<ReservationRow>(
    `select outcome, reason, items from ${SCHEMA}.reservations where order_id = $1`,
    [orderId],
  );
  if (row === undefined) return undefined;
  const { items, outcome } = row;
  return outcome === 'reserved' ? { orderId, items, outcome } : { orderId, items, outcome, reason: row.reason ?? '' };
}

/** The rows are ours until the end of the transaction, locked in the order of their names: see `sumBySku`. */
function lockStock(session: SqlSession, { items }: ReservationRequest): Promise<StockItem[]> {
  return session.query<StockItem>(
    `select sku, available, reserved from ${SCHEMA}.stock where sku = any ($1) order by sku for update`,
    [sumBySku(items).map(({ sku }) => sku)],
  );
}

async function keep(session: SqlSession, { orderId, items, outcome, reason }: Reservation): Promise<void> {
  await session.query(`insert into ${SCHEMA}.reservations (order_id, outcome, reason, items) values ($1, $2, $3, $4)`, [
    orderId,
    outcome,
    reason ?? null,
    JSON.stringify(items),
  ]);
}

async function moveStock(session: SqlSession, { items }: ReservationRequest): Promise<void> {
  for (const { sku, quantity } of sumBySku(items)) {
    await session.query(
      `update ${SCHEMA}.stock set available = available - $2, reserved = reserved + $2 where sku = $1`,
      [sku, quantity],
    );
  }
}
