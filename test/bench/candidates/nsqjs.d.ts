/** What the bench uses of nsqjs, which has no types. */
declare module 'nsqjs' {
  import type { EventEmitter } from 'node:events';
  export class Writer extends EventEmitter {
    constructor(host: string, port: number);
    connect(): void;
    close(): void;
    publish(topic: string, messages: string | string[], done: (error: Error | null) => void): void;
  }
  export class Message {
    readonly body: Buffer;
    finish(): void;
  }
  export class Reader extends EventEmitter {
    constructor(topic: string, channel: string, options: object);
    connect(): void;
    close(): void;
  }
}
