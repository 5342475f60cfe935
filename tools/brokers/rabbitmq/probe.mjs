import { probe } from '../probe.mjs';

/** The protocol header of AMQP 0-9-1; the server answers with Connection.Start: frame 1, channel 0, class 10, method 10. */
const HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
const METHOD_AT = 7;
const CONNECTION_START = 0x000a_000a;
const USUAL_PORT = '5672';

/**
 * Tells whether a RabbitMQ answers. It does not log in.
 * @param {string} url amqp://...
 */
export function probeRabbitmq(url) {
  if (!URL.canParse(url)) return Promise.resolve({ ok: /** @type {const} */ (false), why: 'it is no URL' });
  const { hostname, port } = new URL(url);
  return probe(`${hostname}:${port || USUAL_PORT}`, { speaks: 'AMQP 0-9-1', say: HEADER, judge });
}

/** @param {Buffer} data */
const judge = (data) =>
  data.length >= METHOD_AT + 4 && data[0] === 1 && data.readUInt32BE(METHOD_AT) === CONNECTION_START;
