import { MEMORY_CAPABILITIES } from '../../drivers/memory/capabilities.js';
import type { StartFrom } from '../../contract/index.js';
import { checkStartOffset } from './start-offset.js';

const partitioned = { driver: 'kafka', capabilities: MEMORY_CAPABILITIES };
const plain = { driver: 'nats', capabilities: { ...MEMORY_CAPABILITIES, partitions: 'unsupported' } as const };
const check =
  (broker: typeof partitioned | typeof plain, startFrom: StartFrom, topic = 'orders') =>
  () =>
    checkStartOffset('@Subscribe("orders")', broker, topic, startFrom);

it.each([
  [
    partitioned,
    { offset: '1' },
    'orders',
    '@Subscribe("orders"): with partitions, an offset alone does not identify a message',
  ],
  [plain, { offsets: { 0: '1' } }, 'orders', 'the nats driver has no partitions'],
  [plain, { offset: '1' }, 'orders.>', 'an offset is a position in one topic, but "orders.>" can match many'],
])('an offset in the wrong form is rejected with the right form: %#', (broker, startFrom, topic, text) => {
  expect(check(broker, startFrom as StartFrom, topic)).toThrow(
    expect.objectContaining({ code: 'TRANSPORT_OPTION_CONFLICT', message: expect.stringContaining(text) }),
  );
});

it('an offset in the form of the broker passes, and so does any other startFrom', () => {
  expect(check(partitioned, { offsets: { 0: '1' } })).not.toThrow();
  expect(check(plain, { offset: '1' })).not.toThrow();
  for (const startFrom of ['beginning', 'new', new Date(0)] as const) {
    expect(check(plain, startFrom, 'orders.>')).not.toThrow();
  }
});
