/*
 * The commands to nsqd. Each command is one buffer: two writes of a command, with Nagle's algorithm, cost 40 ms.
 *
 *   PUB <topic>\n [size: 4 bytes, big endian][body]
 *   MPUB <topic>\n [size of all that follows][count]([size][body])...
 */

/** The first bytes of every connection. */
export const MAGIC = Buffer.from('  V2');
/** The reply to a heartbeat. */
export const NOP = Buffer.from('NOP\n');
/** Stops delivery; messages in flight can still be settled. nsqd replies CLOSE_WAIT. */
export const CLS = Buffer.from('CLS\n');

export const identify = (facts: object): Buffer => withBody('IDENTIFY\n', Buffer.from(JSON.stringify(facts)));
export const auth = (secret: string): Buffer => withBody('AUTH\n', Buffer.from(secret));
export const sub = (topic: string, channel: string): Buffer => line(`SUB ${topic} ${channel}`);
export const rdy = (count: number): Buffer => line(`RDY ${count}`);
export const fin = (id: string): Buffer => line(`FIN ${id}`);
export const req = (id: string, delayMs: number): Buffer => line(`REQ ${id} ${delayMs}`);
export const touch = (id: string): Buffer => line(`TOUCH ${id}`);
export const pub = (topic: string, body: Buffer): Buffer => withBody(`PUB ${topic}\n`, body);
export const dpub = (topic: string, delayMs: number, body: Buffer): Buffer =>
  withBody(`DPUB ${topic} ${delayMs}\n`, body);

/** Returns the bytes that MPUB counts for these messages. */
export const mpubBytes = (bodies: readonly Buffer[]): number => bodies.reduce((sum, { length }) => sum + 4 + length, 4);

export function mpub(topic: string, bodies: readonly Buffer[]): Buffer {
  const head = `MPUB ${topic}\n`;
  const size = mpubBytes(bodies);
  const command = Buffer.allocUnsafe(head.length + 4 + size);
  let offset = command.write(head, 'latin1');
  offset = command.writeUInt32BE(size, offset);
  offset = command.writeUInt32BE(bodies.length, offset);
  for (const body of bodies) {
    offset = command.writeUInt32BE(body.length, offset);
    offset += body.copy(command, offset);
  }
  return command;
}

const line = (text: string): Buffer => Buffer.from(`${text}\n`, 'latin1');

function withBody(head: string, body: Buffer): Buffer {
  const command = Buffer.allocUnsafe(head.length + 4 + body.length);
  const offset = command.writeUInt32BE(body.length, command.write(head, 'latin1'));
  body.copy(command, offset);
  return command;
}
