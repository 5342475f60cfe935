// An application whose handler cannot do its work until it is cured. Its names come from outside: one test, one topic.
import { Controller, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Subscribe, TransportModule } from 'nest-transport';
import { nats } from 'nest-transport/nats';

const { LETTERS_TOPIC = 'letters', NATS_URL = '' } = process.env;

@Controller()
export class Shelves {
  static isCured = false;
  static readonly received: string[] = [];

  @Subscribe(LETTERS_TOPIC, { retry: { maxAttempts: 1 } })
  fill(@Payload() { id }: { readonly id: string }): void {
    if (!Shelves.isCured) throw id === 'odd' ? new TypeError('no shelf') : new RangeError('shelf 7 is full');
    Shelves.received.push(id);
  }
}

@Module({
  imports: [
    TransportModule.forRoot({ service: 'shop', broker: nats({ servers: [NATS_URL], provision: {} }), logger: false }),
  ],
  controllers: [Shelves],
})
export class ShopModule {}
