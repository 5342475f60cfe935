import { connect } from 'node:net';

/** Requests that kafkajs does not have, in their first version, sent past every client. */

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const float64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
const array = (...items: Buffer[]): Buffer => Buffer.concat([int32(items.length), ...items]);
const flag = (value: boolean): Buffer => Buffer.from([value ? 1 : 0]);

/** The answer without its length and correlation id. */
async function request(address: string, apiKey: number, body: Buffer): Promise<Buffer> {
  const [host, port] = address.split(':');
  const head = Buffer.concat([int16(apiKey), int16(0), int32(1), text('operator')]);
  const socket = connect(Number(port), host);
  socket.write(Buffer.concat([int32(head.length + body.length), head, body]));
  let answer = Buffer.alloc(0);
  try {
    for await (const part of socket) {
      answer = Buffer.concat([answer, part as Buffer]);
      if (answer.length >= 4 && answer.length >= 4 + answer.readInt32BE(0)) return answer.subarray(8);
    }
  } finally {
    socket.destroy();
  }
  throw new Error(`${address} hung up`);
}

/** Bytes a second that a user may send to each broker, or fetch from it; undefined takes the limit away. */
export async function limitUser(
  address: string,
  user: string,
  quota: 'producer_byte_rate' | 'consumer_byte_rate',
  bytesPerSecond: number | undefined,
): Promise<void> {
  const entity = array(Buffer.concat([text('user'), text(user)]));
  const change = Buffer.concat([text(quota), float64(bytesPerSecond ?? 0), flag(bytesPerSecond === undefined)]);
  const answer = await request(
    address,
    49,
    Buffer.concat([array(Buffer.concat([entity, array(change)])), flag(false)]),
  );
  const code = answer.readInt16BE(8);
  if (code !== 0) throw new Error(`the quota was refused with code ${code}`);
}

/** Makes the first replica of each partition its leader. */
export async function electPreferred(address: string, topic: string, partitions: number): Promise<void> {
  const ids = array(...Array.from({ length: partitions }, (_, partition) => int32(partition)));
  await request(address, 43, Buffer.concat([array(Buffer.concat([text(topic), ids])), int32(30_000)]));
}
