import { createHash } from 'node:crypto';

/*
 * A message for later waits in the stream of its topic, on a subject of its own: JetStream keeps one schedule per subject, and
 * publishes only into the same stream.
 *
 *   _delayed.<stream>.<hash of what the message is recognised by>
 *
 * Nobody subscribes to these, and no topic may be called so.
 */

/** The first word of the subjects where messages wait. */
export const WAITING = '_delayed';

/** All subjects of a stream where messages wait. */
export const waitingSubjectsOf = (stream: string): string => `${WAITING}.${stream}.*`;

/** n.b. the same message has the same subject: published again, it takes the place of itself. */
export function waitingSubjectOf(stream: string, recognisedBy: string): string {
  return `${WAITING}.${stream}.${createHash('sha256').update(recognisedBy).digest('hex').slice(0, 32)}`;
}

/** Whether what is on a subject, or on all subjects of a pattern, waits there and is meant for nobody yet. */
export const isWaitingSubject = (subject: string): boolean => subject.startsWith(`${WAITING}.`);

/** What makes the server publish a message to its topic when its time has come. */
export function scheduleHeaders(topic: string, deliverAtMs: number): [name: string, value: string][] {
  return [
    ['Nats-Schedule', `@at ${new Date(deliverAtMs).toISOString()}`],
    ['Nats-Schedule-Target', topic],
  ];
}
