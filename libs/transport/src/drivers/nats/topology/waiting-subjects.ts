import { createHash } from 'node:crypto';

/*
 * A delayed message waits in the stream of its topic, on a subject of its own: JetStream keeps one schedule per subject, and
 * publishes only into the same stream.
 *
 *   _delayed.<stream>.<hash of the id by which the server detects duplicates>
 *
 * No subscription reads these subjects, and no topic may have such a name.
 */

/** The first token of the subjects where delayed messages wait. */
export const WAITING = '_delayed';

/** Returns the pattern of all subjects of a stream where delayed messages wait. */
export const waitingSubjectsOf = (stream: string): string => `${WAITING}.${stream}.*`;

/** Returns the subject where a delayed message waits. The same message has the same subject, so publishing it again replaces it. */
export function waitingSubjectOf(stream: string, recognisedBy: string): string {
  return `${WAITING}.${stream}.${createHash('sha256').update(recognisedBy).digest('hex').slice(0, 32)}`;
}

/** Whether delayed messages wait on a subject, or on all subjects of a pattern; consumers must not read them. */
export const isWaitingSubject = (subject: string): boolean => subject.startsWith(`${WAITING}.`);

/** Returns the headers that let the server publish a message to its topic at its time. */
export function scheduleHeaders(topic: string, deliverAtMs: number): [name: string, value: string][] {
  return [
    ['Nats-Schedule', `@at ${new Date(deliverAtMs).toISOString()}`],
    ['Nats-Schedule-Target', topic],
  ];
}
