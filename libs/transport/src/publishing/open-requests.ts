import type { OutgoingMessage, Reply, Requester } from '../contract/index.js';
import { outOfLife, unanswered } from './refusals.js';

/** A requester that may need to subscribe before its first request. */
export interface SlowRequester extends Requester {
  /** Resolves when requests can be sent. */
  ready?(): Promise<unknown>;
}

/** Receives the outcome of a request. Exactly one call is the last: the last reply, or a failure. */
export interface RequestListener {
  onReply(reply: Reply): void;
  /** The request was not sent, or the transport was closed before the last reply. */
  onFailure(error: Error): void;
}

interface OpenRequest {
  readonly topic: string;
  fail(error: unknown): void;
}

/**
 * Tracks the requests of one application that still wait for a reply. `close` fails them immediately, whatever the
 * driver waits for.
 */
export class OpenRequests {
  readonly #driver: string;
  /** Created by the first request, because a mailbox costs a subscription. */
  readonly #requester: () => SlowRequester;
  readonly #open = new Set<OpenRequest>();
  #isClosed = false;

  constructor(driver: string, requester: () => SlowRequester) {
    this.#driver = driver;
    this.#requester = requester;
  }

  /** Sends a request and passes on its replies, up to the last one. @returns a function that gives up the request */
  send(message: OutgoingMessage, listener: RequestListener): () => void {
    let ended = false;
    let stop = (): void => undefined;
    const end = (report: () => void): void => {
      if (ended) return;
      ended = true;
      this.#open.delete(request);
      stop();
      report();
    };
    const onReply = (reply: Reply): void => {
      if (isLast(reply)) end(() => listener.onReply(reply));
      else if (!ended) listener.onReply(reply);
    };
    const request = { topic: message.topic, fail: (error: unknown) => end(() => listener.onFailure(error as Error)) };
    this.#open.add(request);
    this.#start(message, onReply, () => ended).then((stopRequest) => {
      stop = stopRequest;
      if (ended) stop();
    }, request.fail);
    return () => end(() => undefined);
  }

  /** Fails every open request and all later ones. A second call has no effect. */
  close(): void {
    this.#isClosed = true;
    for (const request of [...this.#open]) request.fail(unanswered(this.#driver, request.topic));
  }

  async #start(
    message: OutgoingMessage,
    onReply: (reply: Reply) => void,
    isGivenUp: () => boolean,
  ): Promise<() => void> {
    if (this.#isClosed) throw outOfLife(this.#driver, message.topic, 'closed');
    const requester = this.#requester();
    await requester.ready?.();
    // The request was given up: sending it would only cause work for the responder.
    return isGivenUp() ? () => undefined : requester.request(message, onReply);
  }
}

const isLast = (reply: Reply): boolean => reply.kind !== 'value' || reply.last;
