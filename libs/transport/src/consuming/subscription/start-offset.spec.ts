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
  [partitioned, { offset: '1' }, 'orders', '@Subscribe("orders"): with partitions, an offset alone names no message'],
  [plain, { offsets: { 0: '1' } }, 'orders', 'the nats driver has no partitions'],
  [plain, { offset: '1' }, 'orders.>', 'an offset is a place in one topic, and "orders.>" may be many'],
])('an offset that says nothing here is refused with the words that would: %#', (broker, startFrom, topic, text) => {
  expect(check(broker, startFrom as StartFrom, topic)).toThrow(
    expect.objectContaining({ code: 'TRANSPORT_OPTION_CONFLICT', message: expect.stringContaining(text) }),
  );
});

it('what is written as the broker counts passes, and so does what is no offset', () => {
  expect(check(partitioned, { offsets: { 0: '1' } })).not.toThrow();
  expect(check(plain, { offset: '1' })).not.toThrow();
  for (const startFrom of ['beginning', 'new', new Date(0)] as const) {
    expect(check(plain, startFrom, 'orders.>')).not.toThrow();
  }
});
