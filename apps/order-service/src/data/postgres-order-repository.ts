import { DATABASE, migrate, type Database } from '@demo/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { predecessorsOf, type Order, type OrderItem, type OrderState } from '../biz/order.js';
import { OrderRepository } from '../biz/ports.js';
import { MIGRATIONS, SCHEMA } from './migrations.js';

interface OrderRow {
  readonly order_id: string;
  readonly user_id: string;
  readonly items: readonly OrderItem[];
  /** bigint: a text from a server, a number from the in-process Postgres. */
  readonly amount_cents: string | number;
  readonly state: OrderState;
  readonly reason: string | null;
}

const COLUMNS = 'order_id, user_id, items, amount_cents, state, reason';

@Injectable()
export class PostgresOrderRepository extends OrderRepository implements OnModuleInit {
  constructor(@Inject(DATABASE) private readonly database: Database) {
    super();
  }

  // Init hooks end before the first message or request comes in.
  onModuleInit(): Promise<void> {
    return migrate(this.database, SCHEMA, MIGRATIONS);
  }

  async add(order: Order): Promise<void> {
    await this.database.query(
      `insert into ${SCHEMA}.orders (order_id, user_id, items, amount_cents, state) values ($1, $2, $3, $4, $5)`,
      [order.orderId, order.userId, JSON.stringify(order.items), order.amountCents, order.state],
    );
  }

  async find(orderId: string): Promise<Order | undefined> {
    const [row] = await this.database.query<OrderRow>(`select ${COLUMNS} from ${SCHEMA}.orders where order_id = $1`, [
      orderId,
    ]);
    return row && orderOf(row);
  }

  async advance(orderId: string, to: OrderState, reason?: string): Promise<Order | undefined> {
    const [moved] = await this.database.query<OrderRow>(
      `update ${SCHEMA}.orders set state = $2, reason = $3, updated_at = now()
        where order_id = $1 and state = any ($4) returning ${COLUMNS}`,
      [orderId, to, reason ?? null, predecessorsOf(to)],
    );
    return moved === undefined ? this.find(orderId) : orderOf(moved);
  }
}

const orderOf = (row: OrderRow): Order => ({
  orderId: row.order_id,
  userId: row.user_id,
  items: row.items,
  amountCents: Number(row.amount_cents),
  state: row.state,
  reason: row.reason ?? undefined,
});
