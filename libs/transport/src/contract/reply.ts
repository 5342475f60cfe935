import type { OutgoingMessage } from './message.js';

/** A reply on its way back. Errors travel as data, because only text crosses a broker. */
export type Reply =
  | { readonly kind: 'value'; readonly body: Buffer; readonly last: boolean }
  | {
      readonly kind: 'error';
      readonly name: string;
      readonly message: string;
      /** What was thrown, beyond its name and message: a JSON object of at most `MAX_ERROR_CONTENT_LENGTH` characters. */
      readonly content?: string | undefined;
    }
  | { readonly kind: 'end' };

/** Publishes what somebody waits for an answer to; for drivers whose broker can carry replies. */
export interface Requester {
  /** Publishes a request; every reply reaches `onReply`, until the returned function is called. */
  request(message: OutgoingMessage, onReply: (reply: Reply) => void): Promise<() => void>;
}
