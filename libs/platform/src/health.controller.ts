import { Controller, Get, Inject, ServiceUnavailableException } from '@nestjs/common';
import { TransportHealth } from 'nest-transport';
import { DATABASE, type Database } from './database/database.js';

/** What `GET /health` answers. */
export interface ServiceHealth {
  readonly ready: boolean;
  readonly database: 'up' | 'down';
  readonly transport: ReturnType<TransportHealth['report']>;
}

/** Readiness, for a load balancer or a person: 200 when the service can do its work, else 503 and what is wrong. */
@Controller('health')
export class HealthController {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    private readonly transport: TransportHealth,
  ) {}

  @Get()
  async check(): Promise<ServiceHealth> {
    const transport = this.transport.report();
    const database = await this.#databaseStatus();
    const health = { ready: transport.ready && database === 'up', database, transport };
    if (!health.ready) throw new ServiceUnavailableException(health);
    return health;
  }

  #databaseStatus(): Promise<'up' | 'down'> {
    return this.database.query('select 1').then(
      () => 'up',
      () => 'down',
    );
  }
}
