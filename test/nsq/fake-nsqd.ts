import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What a client said: `PUB orders`, and the body behind it where there is one. */
export interface Said {
  readonly line: string;
  readonly body: Buffer;
}

/** What the script does with a command: the bytes to answer, or nothing. */
export type Script = (said: Said, guest: Guest) => void;

const WITH_BODY = /^(IDENTIFY|AUTH|PUB|MPUB|DPUB)\b/;
export const IDENTITY = {
  max_rdy_count: 2_500,
  version: 'fake',
  max_msg_timeout: 900_000,
  msg_timeout: 60_000,
  tls_v1: false,
  deflate: false,
  snappy: false,
  auth_required: false,
};

export function frame(type: 'response' | 'error' | 'message', data: Buffer | string): Buffer {
  const bytes = Buffer.from(data);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(4 + bytes.length, 0);
  head.writeUInt32BE({ response: 0, error: 1, message: 2 }[type], 4);
  return Buffer.concat([head, bytes]);
}

export function messageFrame(id: string, body: string, attempts = 1): Buffer {
  const head = Buffer.alloc(10);
  head.writeBigInt64BE(BigInt(Date.now()) * 1_000_000n, 0);
  head.writeUInt16BE(attempts, 8);
  return frame('message', Buffer.concat([head, Buffer.from(id.padEnd(16, '0').slice(0, 16)), Buffer.from(body)]));
}

/** One connection of a client. */
export class Guest {
  readonly said: Said[] = [];
  /** Bytes as they came, one entry per read. */
  readonly reads: number[] = [];
  hungUp = false;
  #bytes: Buffer = Buffer.alloc(0);
  #begun = false;

  constructor(
    readonly socket: Socket,
    private readonly script: Script,
    private readonly changed: () => void,
  ) {
    socket
      .on('data', (bytes: Buffer) => this.#read(bytes))
      .on('error', () => undefined)
      .on('close', () => {
        this.hungUp = true;
        changed();
      });
  }

  ok = (): void => this.answer('OK');
  answer(text: string): void {
    this.socket.write(frame('response', text));
  }
  refuse(text: string): void {
    this.socket.write(frame('error', text));
  }
  /** As nsqd does after a fatal error. */
  refuseAndHangUp(text: string): void {
    this.socket.end(frame('error', text));
  }
  lines(pattern: RegExp): string[] {
    return this.said.map(({ line }) => line).filter((line) => pattern.test(line));
  }

  #read(bytes: Buffer): void {
    this.reads.push(bytes.length);
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (!this.#begun && this.#bytes.length >= 4) {
      if (this.#bytes.toString('latin1', 0, 4) !== '  V2') throw new Error('the client did not begin with its magic');
      this.#bytes = this.#bytes.subarray(4);
      this.#begun = true;
    }
    for (let said = this.#next(); said !== undefined; said = this.#next()) {
      this.said.push(said);
      this.script(said, this);
    }
    this.changed();
  }

  #next(): Said | undefined {
    const end = this.#bytes.indexOf('\n');
    if (end < 0) return undefined;
    const line = this.#bytes.toString('latin1', 0, end);
    const size = WITH_BODY.test(line) && this.#bytes.length >= end + 5 ? this.#bytes.readUInt32BE(end + 1) : 0;
    const whole = end + 1 + (WITH_BODY.test(line) ? 4 + size : 0);
    if (this.#bytes.length < whole) return undefined;
    const body = this.#bytes.subarray(whole - size, whole);
    this.#bytes = this.#bytes.subarray(whole);
    return { line, body };
  }
}

/** A script that shakes hands and says OK to whatever wants an answer; `own` goes first, and says true where it has answered. */
export const polite =
  (own: (said: Said, guest: Guest) => boolean | void = () => false, identity: object = {}): Script =>
  (said, guest) => {
    if (own(said, guest) === true) return;
    if (said.line.startsWith('IDENTIFY')) return guest.answer(JSON.stringify({ ...IDENTITY, ...identity }));
    if (said.line === 'CLS') return guest.answer('CLOSE_WAIT');
    if (/^(SUB|PUB|MPUB|DPUB|AUTH)\b/.test(said.line)) guest.ok();
  };

/** A server that does what no real nsqd can be made to do: it answers by script. */
export class FakeNsqd {
  readonly guests: Guest[] = [];
  readonly #server: Server;
  readonly #waiting = new Set<() => void>();

  private constructor(script: Script) {
    this.#server = createServer((socket) => this.guests.push(new Guest(socket, script, () => this.#look())));
  }

  static async start(script: Script = polite()): Promise<FakeNsqd> {
    const fake = new FakeNsqd(script);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The lines of all guests, in the order they came. */
  lines(pattern: RegExp): string[] {
    return this.guests.flatMap((guest) => guest.lines(pattern));
  }

  /** Resolves when it holds; looked at after everything that a client says or does. */
  until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(() => reject(new Error(`not within ${timeoutMs} ms: ${what}`))), timeoutMs);
      const look = (): void => {
        if (holds()) end(resolve);
      };
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        settle();
      };
      this.#waiting.add(look);
      look();
    });
  }

  async stop(): Promise<void> {
    for (const { socket } of this.guests) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }
}
