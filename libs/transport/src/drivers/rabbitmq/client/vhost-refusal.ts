import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** The reason why a server rejects a virtual host. */
export interface VhostRefusal {
  readonly code: number;
  readonly text: string;
}

/** Server, virtual host and login to check. */
export interface VhostQuestion {
  readonly socket: { readonly host: string; readonly port: number };
  /** Options of `tls.connect`; undefined without encryption. */
  readonly tls: object | undefined;
  readonly vhost: string;
  readonly mechanism: 'PLAIN' | 'EXTERNAL';
  /** What the mechanism sends. */
  readonly response: string;
  readonly timeoutMs: number;
}

/*
 * amqplib reports "Expected ConnectionOpenOk; got <ConnectionClose channel:0>" and drops the reason, so this repeats the handshake
 * with its five methods.
 *
 *   frame   [type: 1][channel: 2][size: 4][class: 2][method: 2][arguments][0xce]
 */
const METHOD_FRAME = 1;
const FRAME_END = 0xce;
const HEAD_BYTES = 7;
const CONNECTION = 10;
const START = 10;
const START_OK = 11;
const TUNE = 30;
const TUNE_OK = 31;
const OPEN = 40;
const CLOSE = 50;
const GREETING = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
/** Channels, frame size and heartbeat of TUNE. */
const TUNING_BYTES = 8;

/** Returns the reason, or undefined when the virtual host opens. @throws Error when the connection ends without a reason */
export function vhostRefusal(question: VhostQuestion): Promise<VhostRefusal | undefined> {
  return new Promise((resolve, reject) => {
    const socket = socketOf(question);
    let bytes: Buffer = Buffer.alloc(0);
    socket.setTimeout(question.timeoutMs, () => socket.destroy(new Error('no answer')));
    socket.on('error', reject).on('close', () => reject(new Error('the server hung up')));
    socket.on('data', (data: Buffer) => {
      bytes = Buffer.concat([bytes, data]);
      for (let next = takeMethod(bytes); next !== undefined; next = takeMethod(bytes)) {
        bytes = next.rest;
        const answer = answerTo(next.method, next.args, question);
        if (answer !== undefined) socket.write(answer);
        else {
          resolve(next.method === CLOSE ? refusalOf(next.args) : undefined);
          socket.destroy();
        }
      }
    });
    socket.write(GREETING);
  });
}

const socketOf = ({ socket, tls }: VhostQuestion): Socket =>
  tls === undefined ? connectPlain(socket) : connectTls({ ...tls, ...socket });

/** What to send next; undefined when the server has decided. */
function answerTo(method: number, args: Buffer, { vhost, mechanism, response }: VhostQuestion): Buffer | undefined {
  if (method === START) {
    const noProperties = Buffer.alloc(4);
    return methodFrame(START_OK, noProperties, short(mechanism), long(response), short('en_US'));
  }
  if (method !== TUNE) return undefined;
  const open = methodFrame(OPEN, short(vhost), short(''), Buffer.alloc(1));
  return Buffer.concat([methodFrame(TUNE_OK, args.subarray(0, TUNING_BYTES)), open]);
}

const refusalOf = (args: Buffer): VhostRefusal => ({
  code: args.readUInt16BE(0),
  text: args.toString('utf8', 3, 3 + args.readUInt8(2)),
});

interface TakenMethod {
  readonly method: number;
  readonly args: Buffer;
  readonly rest: Buffer;
}

function takeMethod(bytes: Buffer): TakenMethod | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  const end = HEAD_BYTES + bytes.readUInt32BE(3);
  if (bytes.length <= end) return undefined;
  const payload = bytes.subarray(HEAD_BYTES, end);
  return { method: payload.readUInt16BE(2), args: payload.subarray(4), rest: bytes.subarray(end + 1) };
}

function methodFrame(method: number, ...args: readonly Buffer[]): Buffer {
  const payload = Buffer.concat([numbers(CONNECTION, method), ...args]);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(METHOD_FRAME, 0);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.of(FRAME_END)]);
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => bytes.writeUInt16BE(value, index * 2));
  return bytes;
}

const short = (text: string): Buffer => Buffer.concat([Buffer.of(Buffer.byteLength(text)), Buffer.from(text)]);

function long(text: string): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([size, Buffer.from(text)]);
}
