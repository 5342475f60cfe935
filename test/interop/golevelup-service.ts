// A service as users of @golevelup/nestjs-rabbitmq write it, in a process of its own: the package is CommonJS and requires
// Nest, which Jest cannot do with ES modules and Node can. Says what it got, one line each, until SIGTERM.
import { AmqpConnection, RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const [exchange = '', routingKey = '', queue = '', ...orderIds] = process.argv.slice(2);

@Injectable()
class Orders {
  @RabbitSubscribe({ exchange, routingKey, queue })
  take(order: unknown): void {
    console.log(`got ${JSON.stringify(order)}`);
  }
}

@Module({
  imports: [
    RabbitMQModule.forRoot({
      uri: process.env['RABBITMQ_URL'] ?? '',
      exchanges: [{ name: exchange, type: 'topic' }],
      connectionInitOptions: { wait: true },
      registerHandlers: queue !== '-',
    }),
  ],
  providers: [Orders],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const connection = app.get(AmqpConnection);
for (const orderId of orderIds) await connection.publish(exchange, routingKey, { orderId });
process.once('SIGTERM', () => void app.close());
console.log('ready');
if (queue === '-') await app.close();
