import type { OutgoingMessage } from './message.js';

/** A reply on its way to the requester. Errors travel as data, because only text crosses a broker. */
export type Reply =
  | { readonly kind: 'value'; readonly body: Buffer; readonly last: boolean }
  | {
      readonly kind: 'error';
      readonly name: string;
      readonly message: string;
      /**
       * The thrown value beyond its name and message: a JSON object of at most `MAX_ERROR_CONTENT_LENGTH` characters.
       */
      readonly content?: string | undefined;
    }
  | { readonly kind: 'end' };

/** Publishes requests, for drivers whose broker can carry replies. */
export interface Requester {
  /** Publishes a request and passes every reply to `onReply` until the returned function is called. */
  request(message: OutgoingMessage, onReply: (reply: Reply) => void): Promise<() => void>;
}
