import type { OutgoingMessage } from '../../../contract/index.js';
import { isGuilty, refusedByChannel, type Unsent } from './publish-errors.js';

const unsent = (exchange: string, wasLost = false): Unsent => ({
  message: { topic: 'orders' } as OutgoingMessage,
  parcel: { exchange, routingKey: 'orders', content: Buffer.alloc(3), properties: {}, mandatory: true },
  written: true,
  wasLost,
});
const forbidden = (exchange: string): Error =>
  Object.assign(new Error(`ACCESS_REFUSED - access to exchange '${exchange}' in vhost '/' refused for user 'worker'`), {
    code: 403,
  });

describe('a message that RabbitMQ closed the channel for', () => {
  it.each([
    ['amq.default', '', true],
    ['amq.default', 'shop', false],
    ['shop', 'shop', true],
    ['shop', '', false],
  ])('is the one whose exchange the reason names (%s, published to "%s": %s)', (named, exchange, expected) => {
    expect(isGuilty(unsent(exchange), forbidden(named))).toBe(expected);
  });

  it('is not stored, unless an earlier copy went out on a connection that was lost', () => {
    expect(refusedByChannel(unsent('shop'), forbidden('shop'))).toMatchObject({ stored: 'no' });
    expect(refusedByChannel(unsent('shop', true), forbidden('shop'))).toMatchObject({ stored: 'unknown' });
  });
});
