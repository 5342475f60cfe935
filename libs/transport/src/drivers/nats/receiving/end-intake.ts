import type { Consumers, ConsumerPlace, ConsumerStanding } from './consumers.js';
import type { PullInbox } from './pull-inbox.js';

/** How often a stopping member checks whether it has received the last deliveries. */
const TRIES = 3;

/** What ending the intake of a consumer needs. */
export interface EndingIntake {
  readonly place: ConsumerPlace;
  /** See `PullInbox.pin`. */
  pin(): string;
  /** The sequence of the newest received message. */
  newest(): number;
  /** Requests again what was lost after the newest message. @param delivered deliveries of the consumer so far */
  fetch(last: number, count: number, delivered: number): Promise<void>;
}

/**
 * Ends the intake of one member. In a cluster the consumer may be on another server than the member's connection: what it sends
 * before it learns that the member has left is dropped. That would come again only after the ack wait. If it was certainly sent to
 * this member, it is requested again.
 */
export async function endIntake(consumers: Consumers, inbox: PullInbox, intake: EndingIntake): Promise<void> {
  const before = await lastAlone(consumers, inbox, intake).catch(ignore);
  await inbox.close();
  const { heard } = inbox;
  const standing = before && (await consumers.standing(intake.place));
  if (before === undefined || standing === undefined || heard === undefined) return;
  const { delivered, pinGroup } = standing.place;
  // If other members wait for messages, the deliveries may have been sent to them.
  if (delivered.count <= heard || (pinGroup === undefined && standing.requests > 0)) return;
  const count = delivered.count - heard;
  const newest = intake.newest();
  // Older messages may wait for a later attempt, so no more are requested than were lost.
  const last = newest >= before.place.delivered.upTo ? delivered.upTo : newest + count;
  await intake.fetch(last, count, delivered.count);
}

/** Returns the consumer's progress if its last delivery went to this member and more can come; otherwise undefined. */
async function lastAlone(
  consumers: Consumers,
  inbox: PullInbox,
  { place, pin }: EndingIntake,
): Promise<ConsumerStanding | undefined> {
  for (let tries = 0; tries < TRIES && inbox.requested > 0 && !inbox.hasGaps && inbox.heard !== undefined; tries++) {
    const standing = await consumers.standing(place);
    if (standing === undefined) return undefined;
    const { pinGroup, activePin, delivered } = standing.place;
    if (pinGroup !== undefined && activePin !== pin()) return undefined;
    if (inbox.heard >= delivered.count) return standing;
  }
  return undefined;
}

const ignore = (): undefined => undefined;
