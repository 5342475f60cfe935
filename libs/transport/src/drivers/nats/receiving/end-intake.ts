import type { Consumers, ConsumerPlace, ConsumerStanding } from './consumers.js';
import type { PullInbox } from './pull-inbox.js';

/** How often a member that stops looks whether it has received what was sent last. */
const TRIES = 3;

/** What ending needs to know of a consumer's intake. */
export interface EndingIntake {
  readonly place: ConsumerPlace;
  /** See `PullInbox.pin`. */
  pin(): string;
  /** The number of the youngest message that has come. */
  newest(): number;
  /** Requests again what was lost behind the newest message. @param delivered deliveries of the consumer so far */
  fetch(last: number, count: number, delivered: number): Promise<void>;
}

/**
 * Ends the intake of one member. In a cluster the consumer may be on another server than the member's connection: what it sends
 * before it hears that the member has left is dropped on the way, and would come again only after the ack wait. Where this member
 * is certainly the one that it was sent to, it is requested again.
 */
export async function endIntake(consumers: Consumers, inbox: PullInbox, intake: EndingIntake): Promise<void> {
  const before = await lastAlone(consumers, inbox, intake).catch(ignore);
  await inbox.close();
  const { heard } = inbox;
  const standing = before && (await consumers.standing(intake.place));
  if (before === undefined || standing === undefined || heard === undefined) return;
  const { delivered, pinGroup } = standing.place;
  // n.b. where other members wait for messages, they may have been sent to those.
  if (delivered.count <= heard || (pinGroup === undefined && standing.requests > 0)) return;
  const count = delivered.count - heard;
  const newest = intake.newest();
  // n.b. among older messages some may wait for a later attempt: no more are requested than were lost.
  const last = newest >= before.place.delivered.upTo ? delivered.upTo : newest + count;
  await intake.fetch(last, count, delivered.count);
}

/** Where the consumer stands, if its last delivery went to this member and more can come; undefined otherwise. */
async function lastAlone(
  consumers: Consumers,
  inbox: PullInbox,
  { place, pin }: EndingIntake,
): Promise<ConsumerStanding | undefined> {
  for (let tries = 0; tries < TRIES && inbox.asked > 0 && !inbox.hasGaps && inbox.heard !== undefined; tries++) {
    const standing = await consumers.standing(place);
    if (standing === undefined) return undefined;
    const { pinGroup, activePin, delivered } = standing.place;
    if (pinGroup !== undefined && activePin !== pin()) return undefined;
    if (inbox.heard >= delivered.count) return standing;
  }
  return undefined;
}

const ignore = (): undefined => undefined;
