import { isTransportError, shown, TransportError, waitOf, type Clock, type Delivery } from '../../contract/index.js';

/** How far the clocks of requester and responder may differ. */
const CLOCK_SKEW_MS = 60_000;

/** Decides how long responses are produced for one request: while its requester waits, and a stream for a limited time. */
export class RequesterWait {
  /** The requester accepts only one response. */
  readonly isForFirst: boolean;
  /** Aborted when no more responses may be sent: a stream ends then. */
  readonly signal: AbortSignal;
  readonly #delivery: Delivery;
  readonly #clock: Clock;
  readonly #timeoutMs: number | undefined;
  readonly #gone: TransportError;
  #callOff: () => void = () => undefined;

  constructor(delivery: Delivery, clock: Clock) {
    const { timeoutMs, isForFirst } = waitOf(delivery);
    this.isForFirst = isForFirst;
    this.signal = delivery.signal;
    this.#delivery = delivery;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#gone = gone(delivery);
    if (timeoutMs !== undefined) this.#abortIn(timeoutMs - this.#waitedMs, this.#gone);
    this.#watchRequester(delivery.requesterLeft);
  }

  /**
   * The requester had stopped waiting long before the request came: a new group of responders reads all that the topic holds.
   * Never if the requester sends no timeout.
   */
  get isLongGone(): boolean {
    const { publishedAt } = this.#delivery;
    if (this.#timeoutMs === undefined || publishedAt === undefined) return false;
    return this.#clock.now() - publishedAt.getTime() > this.#timeoutMs + CLOCK_SKEW_MS;
  }

  /** Whether the handler did not fail, but ended because its requester stopped waiting. */
  isBecauseGone(error: unknown): boolean {
    const { reason } = this.signal as { readonly reason: unknown };
    return reason === this.#gone && (error === reason || (error as Error | undefined)?.name === 'AbortError');
  }

  /** A stream was ended: an error, unless the broker took the message back, which another instance answers now. */
  throwReason(): void {
    const { reason } = this.signal as { readonly reason: unknown };
    if (isTransportError(reason)) throw reason;
  }

  /** Starts a stream: if the requester sent no timeout, it may last `limitMs`. */
  limitStream(limitMs: number): void {
    if (this.#timeoutMs === undefined) this.#abortIn(limitMs, tooLong(this.#delivery, limitMs));
  }

  /** The answer is complete, or will never be. */
  end(): void {
    this.#callOff();
    this.#delivery.requesterLeft?.removeEventListener('abort', this.#leave);
  }

  get #waitedMs(): number {
    return this.#clock.monotonicMs() - this.#delivery.requestReceivedAtMs;
  }

  #abortIn(delayMs: number, reason: TransportError): void {
    if (delayMs <= 0) return this.#delivery.abort(reason);
    this.#callOff = this.#clock.schedule(delayMs, () => this.#delivery.abort(reason));
  }

  #watchRequester(left: AbortSignal | undefined): void {
    if (left?.aborted === true) this.#leave();
    else left?.addEventListener('abort', this.#leave, { once: true });
  }

  readonly #leave = (): void => this.#delivery.abort(this.#gone);
}

function gone({ id, topic }: Delivery): TransportError {
  const text = `The requester of message ${shown(id)} of "${topic}" is no longer waiting.`;
  return new TransportError('TRANSPORT_REQUEST_TIMEOUT', text, { topic });
}

function tooLong({ id, topic }: Delivery, limitMs: number): TransportError {
  return new TransportError(
    'TRANSPORT_HANDLER_TIMEOUT',
    `The response stream for request ${shown(id)} of "${topic}" did not complete within ${limitMs} ms (responseStreamTimeoutMs). Complete the Observable, or raise the option.`,
    { topic },
  );
}
