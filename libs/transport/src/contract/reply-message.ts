import type { Delivery } from './delivery.js';
import { WIRE_HEADERS, type Headers, type OutgoingMessage } from './message.js';
import type { Reply } from './reply.js';

/** Replies go only to topics of this name, so that a foreign request cannot make a service write to any topic. */
const REPLY_TOPIC = /\.reply$/;
const DIGITS = /^\d{1,15}$/;
const FIRST = 'first';

/** Whether a topic is a reply mailbox. A mailbox disappears with its requester. */
export const isMailbox = (topic: string): boolean => REPLY_TOPIC.test(topic);

/**
 * Builds the message that carries a reply to a mailbox. @param index its index among the replies to the request, from 0
 */
export function replyMessage(
  { topic, correlationId }: Mailbox,
  id: string,
  reply: Reply,
  index: number,
): OutgoingMessage {
  const { kind, body } = asMessage(reply);
  const headers: Headers = {
    [WIRE_HEADERS.id]: id,
    [WIRE_HEADERS.correlationId]: correlationId,
    [WIRE_HEADERS.reply]: kind,
    [WIRE_HEADERS.replyIndex]: String(index),
  };
  // The key keeps the replies to one request in order.
  return { topic, key: correlationId, body, headers, id, partition: undefined };
}

/** The address for the replies to a request. */
export interface Mailbox {
  readonly topic: string;
  readonly correlationId: string;
}

/** Returns the address for replies; undefined when the sender waits for none, or the address is not a mailbox. */
export function mailboxOf(delivery: Delivery): Mailbox | undefined {
  const topic = delivery.header(WIRE_HEADERS.replyTo);
  const correlationId = delivery.header(WIRE_HEADERS.correlationId);
  return topic === undefined || correlationId === undefined || !isMailbox(topic) ? undefined : { topic, correlationId };
}

/** Returns how the requester of a delivery waits, as far as the request says. */
export function waitOf(delivery: Delivery): { readonly timeoutMs: number | undefined; readonly isForFirst: boolean } {
  const text = delivery.header(WIRE_HEADERS.replyTimeout);
  const timeoutMs = text !== undefined && DIGITS.test(text) ? Number(text) : undefined;
  return { timeoutMs, isForFirst: delivery.header(WIRE_HEADERS.reply) === FIRST };
}

/** Marks a request whose requester waits `timeoutMs` for the first reply only. */
export function waitingForFirst(message: OutgoingMessage, timeoutMs: number): OutgoingMessage {
  const wait = { [WIRE_HEADERS.replyTimeout]: String(timeoutMs), [WIRE_HEADERS.reply]: FIRST };
  return { ...message, headers: { ...message.headers, ...wait } };
}

/** Reads the reply from a mailbox message; undefined if it is none, or of a kind that this version does not know. */
export function replyIn(delivery: Delivery): Reply | undefined {
  const { body } = delivery;
  switch (delivery.header(WIRE_HEADERS.reply)) {
    case 'value':
      return body === null ? undefined : { kind: 'value', body, last: false };
    case 'last':
      return body === null ? undefined : { kind: 'value', body, last: true };
    case 'end':
      return { kind: 'end' };
    case 'error':
      return errorIn(body);
    default:
      return undefined;
  }
}

/** Returns the index of a reply among those to its request, from 0; undefined if the responder did not send it. */
export function replyIndexOf(delivery: Delivery): number | undefined {
  const text = delivery.header(WIRE_HEADERS.replyIndex);
  return text !== undefined && DIGITS.test(text) ? Number(text) : undefined;
}

function asMessage(reply: Reply): { readonly kind: string; readonly body: Buffer } {
  if (reply.kind === 'value') return { kind: reply.last ? 'last' : 'value', body: reply.body };
  if (reply.kind === 'end') return { kind: 'end', body: Buffer.from('null') };
  const { name, message, content } = reply;
  return { kind: 'error', body: Buffer.from(JSON.stringify({ name, message, content })) };
}

function errorIn(body: Buffer | null): Reply {
  try {
    const { name, message, content } = JSON.parse(body?.toString() ?? '') as {
      readonly name?: unknown;
      readonly message?: unknown;
      readonly content?: unknown;
    };
    const known = typeof content === 'string' ? { content } : {};
    return { kind: 'error', name: String(name), message: String(message), ...known };
  } catch {
    return { kind: 'error', name: 'Error', message: 'the handler failed, and its error could not be read' };
  }
}
