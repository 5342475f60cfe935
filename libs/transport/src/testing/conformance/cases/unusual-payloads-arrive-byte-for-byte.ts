import assert from 'node:assert/strict';
import { bytesCodec } from '../bytes-codec.js';
import type { ConformanceCase } from '../conformance-case.js';

export const unusualPayloadsArriveByteForByte: ConformanceCase = {
  name: 'unusual-payloads-arrive-byte-for-byte',
  title: 'carries binary, empty and large payloads byte for byte, with a codec of the user’s own',
  async run(stage) {
    const publisher = await stage.open({ codec: bytesCodec });
    const room = Math.min(stage.options.largeBytes, publisher.connection.producer.maxBytes);
    // Key, id and headers count too; 1 KiB is more than they need.
    const bodies = [everyByte(), Buffer.alloc(0), Buffer.from('\r\n\0\n'), Buffer.alloc(room - 1_024, 0xa5)];
    const subscriber = await stage.published(
      async () => {
        for (const [index, body] of bodies.entries()) await publisher.publish(stage.topic, body, { id: `${index}` });
      },
      () => stage.open({ subscriptions: [{}], publishesTo: [], codec: bytesCodec }),
    );
    await subscriber.untilSettled(bodies.length);
    for (const { id, payload } of subscriber.received) {
      const expected = bodies[Number(id)] as Buffer;
      assert.ok(expected.equals(payload as Buffer), `payload ${id} (${expected.length} bytes) arrives byte for byte`);
    }
    stage.history.assertNothingLost();
  },
};

const everyByte = (): Buffer => Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
