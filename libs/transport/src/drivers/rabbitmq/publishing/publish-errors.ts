import {
  messageOf,
  restated,
  TransportError,
  type OutgoingMessage,
  type StoredState,
} from '../../../contract/index.js';
import type { Parcel } from './confirmed-channel.js';
import { channelError, errorOf, replyTextOf } from '../client/failures.js';

/*
 * The errors of a publish: why a message was not stored, or may not have been.
 */

/** The parts of a message that an error describes. */
export interface Unsent {
  readonly message: OutgoingMessage;
  readonly parcel: Parcel;
  /** It was written at least once, and its outcome is unknown. */
  readonly written: boolean;
  /** It was written before on a lost connection, so an earlier copy may be stored. */
  readonly wasLost: boolean;
}

const storedStateOf = ({ written }: Unsent): StoredState => (written ? 'unknown' : 'no');

/** There is no channel, exchange or connection, so the message is not at fault. */
export function notSent(unsent: Unsent, cause: unknown): TransportError {
  const { topic } = unsent.message;
  if (unsent.written) return unconfirmed(unsent, cause);
  const known = cause instanceof TransportError ? cause : channelError(cause, 'no channel');
  return restated(known, { topic, stored: 'no' }, `cannot publish to "${topic}": `);
}

/** It was sent, and the connection was lost before a confirm. */
export const unconfirmed = ({ message: { topic } }: Unsent, cause: unknown): TransportError =>
  errorOf(
    'TRANSPORT_PUBLISH_UNKNOWN',
    `a message for "${topic}" was sent and not confirmed; it may have been stored. ${cause === undefined ? 'The connection was lost.' : messageOf(cause)}`,
    { topic, stored: 'unknown', retryable: true, cause },
  );

export function closed(unsent: Unsent): TransportError {
  const { topic } = unsent.message;
  const what = unsent.written ? 'was not confirmed' : 'was not sent';
  return errorOf('TRANSPORT_CLOSED', `a message for "${topic}" ${what}: the connection is closed.`, {
    topic,
    stored: storedStateOf(unsent),
  });
}

/** An obstacle such as an alarm: the publisher retries until its timeout. */
export const blocked = ({ message: { topic } }: Unsent, obstacle: string): TransportError =>
  errorOf('TRANSPORT_PUBLISH_FAILED', `a message for "${topic}" was not sent yet. ${obstacle}.`, {
    topic,
    stored: 'no',
    retryable: true,
  });

/**
 * RabbitMQ sends one basic.nack for all queues of a message. One of them is full (`x-overflow: reject-publish`) or failed, and the
 * others may have stored it. `stored` is therefore never `'no'`, because a retry would duplicate the message in those queues.
 */
export const refused = ({ message: { topic } }: Unsent): TransportError =>
  errorOf(
    'TRANSPORT_PUBLISH_UNKNOWN',
    `RabbitMQ rejected a message for "${topic}" (basic.nack): at least one of its queues is full or cannot store now. Other queues of the topic may have stored it. Make room in the full queue, then publish it again with the same id if handlers can take a duplicate.`,
    { topic, stored: 'unknown', retryable: true, cause: new Error(NACK) },
  );

const NACK = 'basic.nack';

export const unroutable = ({ message: { topic } }: Unsent): TransportError =>
  errorOf(
    'TRANSPORT_TOPIC_MISSING',
    `a message for "${topic}" was not stored: no queue is bound for it, so no consumer would receive it. Start a subscriber first, or set rabbitmq({ unroutable: 'discard' }) to drop such messages.`,
    { topic, stored: 'no', retryable: true },
  );

/** RabbitMQ closed the channel because of this message. */
export function refusedByChannel({ message: { topic }, parcel, wasLost }: Unsent, failure: Error): TransportError {
  const what = `cannot publish ${parcel.content.length} bytes to "${topic}"`;
  if (limitNamedIn(failure) === undefined) {
    return channelError(failure, what, topic, { stored: wasLost ? 'unknown' : 'no' });
  }
  const text = `${what}: ${replyTextOf(failure)}. Send smaller messages, or raise max_message_size on the server.`;
  return errorOf('TRANSPORT_MESSAGE_TOO_LARGE', text, { topic, stored: 'no', cause: failure });
}

export const unwritable = ({ message: { topic } }: Unsent, cause: unknown): TransportError =>
  errorOf('TRANSPORT_HEADER_INVALID', `a message for "${topic}" cannot be written as AMQP: ${messageOf(cause)}.`, {
    topic,
    stored: 'no',
    cause,
  });

/** Whether a message caused the channel close. RabbitMQ's text contains sizes and exchanges. */
export function isGuilty({ parcel }: Unsent, failure: Error): boolean {
  const limit = limitNamedIn(failure);
  if (limit !== undefined) return parcel.content.length > limit;
  const exchange = /access to exchange '([^']*)'/.exec(messageOf(failure))?.[1];
  return (exchange === DEFAULT_EXCHANGE ? '' : exchange) === parcel.exchange;
}

/** RabbitMQ's name of the default exchange, whose AMQP name is empty. */
const DEFAULT_EXCHANGE = 'amq.default';

function limitNamedIn(failure: Error): number | undefined {
  const limit = /larger than (?:configured )?max(?:imum)? size (\d+)/.exec(messageOf(failure))?.[1];
  return limit === undefined ? undefined : Number(limit);
}

export const patternRefused = (topic: string): TransportError =>
  errorOf('TRANSPORT_TOPIC_INVALID', `cannot publish to "${topic}": it is a pattern. Name a single topic.`, {
    topic,
    stored: 'no',
  });

export const partitionRefused = (topic: string, partition: number): TransportError =>
  errorOf(
    'TRANSPORT_PARTITION_MISSING',
    `a message for "${topic}" names partition ${partition}, but RabbitMQ has no partitions. Remove the partition.`,
    { topic, stored: 'no' },
  );

export const headerRefused = (topic: string, name: string): TransportError =>
  errorOf(
    'TRANSPORT_HEADER_INVALID',
    `cannot publish to "${topic}" with header "${name}": RabbitMQ or this driver reserves it. Rename the header.`,
    { topic, stored: 'no' },
  );
