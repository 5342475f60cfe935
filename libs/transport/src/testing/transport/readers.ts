import { isTopicPattern, matchesTopic, type Subscription } from '../../contract/index.js';
import type { MessageRecord, Reader } from './message-record.js';

interface KnownReader extends Reader {
  readonly broker: string;
  members: number;
}

/** Who subscribes to what, so that it is known to whom a message is owed before it is delivered. */
export class Readers {
  readonly #readers: KnownReader[] = [];

  /** As a failure names them: `"order.created" of group "inventory"`. */
  get described(): readonly string[] {
    return this.#readers.map(({ subscribed, group }) => `"${subscribed}" of group "${group}"`);
  }

  /**
   * A member starts to read. What was stored before is owed to a new group that starts from the beginning.
   * @returns how the member stops
   */
  join(broker: string, subscription: Subscription, stored: readonly MessageRecord[]): () => void {
    const { topic: subscribed, group, startFrom } = subscription;
    const isSame = (each: KnownReader): boolean =>
      each.broker === broker && each.subscribed === subscribed && each.group === group;
    const known = this.#readers.find(isSame);
    const reader = known ?? { broker, subscribed, group, members: 0 };
    if (known === undefined) this.#readers.push(reader);
    if (known === undefined && startFrom === 'beginning') {
      for (const record of stored) if (isFor(record, reader)) record.owe(reader);
    }
    reader.members++;
    return () => void reader.members--;
  }

  /** The message is about to be stored: whoever reads its topic is owed it. */
  owe(record: MessageRecord): void {
    for (const reader of this.#readers) if (isFor(record, reader)) record.owe(reader);
  }

  isRead(broker: string, topic: string): boolean {
    return this.#readers.some((reader) => reader.broker === broker && matches(reader.subscribed, topic));
  }

  /** Those it is owed to who have a member: they may still handle it. */
  awaited(record: MessageRecord): readonly Reader[] {
    return record.owedTo.filter(({ group, subscribed }) =>
      this.#readers.some((each) => each.group === group && each.subscribed === subscribed && each.members > 0),
    );
  }
}

const matches = (subscribed: string, topic: string): boolean =>
  isTopicPattern(subscribed) ? matchesTopic(subscribed, topic) : subscribed === topic;

const isFor = ({ broker, message }: MessageRecord, reader: KnownReader): boolean =>
  reader.broker === broker && matches(reader.subscribed, message.topic);
