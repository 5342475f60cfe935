import {
  Delivery,
  type Headers,
  type OutgoingMessage,
  type RawHeaders,
  type Reply,
  type Settlement,
} from '../../contract/index.js';

/** A message in the memory broker (`context.raw`). */
export interface MemoryRecord {
  readonly message: OutgoingMessage;
  /** Partition number, from 0. */
  readonly partition: number;
  /** Position within the partition, from 0. */
  readonly offset: number;
  /** Time of storage in ms since the epoch. */
  readonly storedAt: number;
  /** Replies to the request; undefined for a message that is not a request. */
  readonly reply: ((reply: Reply) => void) | undefined;
  /** Aborted when the requester no longer waits; undefined for a message that is not a request. */
  readonly requesterLeft: AbortSignal | undefined;
}

/** Receives the settlement of a delivery. */
export interface MemoryDeliveryOwner {
  ended(delivery: MemoryDelivery, settlement: Settlement): void;
}

const NO_HEADERS: Headers = Object.freeze({});

export class MemoryDelivery extends Delivery<MemoryRecord> {
  /** Its index in the unsettled deliveries of its partition. */
  place = -1;
  readonly #owner: MemoryDeliveryOwner;

  constructor(
    readonly raw: MemoryRecord,
    group: string,
    attempt: number,
    owner: MemoryDeliveryOwner,
  ) {
    const { message, partition } = raw;
    super(message.topic, group, message.key, message.body, attempt, partition);
    this.#owner = owner;
  }

  get offset(): string {
    return String(this.raw.offset);
  }

  override get rawKey(): Buffer | undefined {
    return this.raw.message.rawKey;
  }

  override get rawHeaders(): RawHeaders | undefined {
    return this.raw.message.rawHeaders;
  }

  get headers(): Headers {
    return this.raw.message.headers ?? NO_HEADERS;
  }

  get publishedAt(): Date {
    return new Date(this.raw.storedAt);
  }

  override get reply(): ((reply: Reply) => void) | undefined {
    return this.raw.reply;
  }

  override get requesterLeft(): AbortSignal | undefined {
    return this.raw.requesterLeft;
  }

  /** A message without a key keeps the order of its partition. */
  override get stream(): number {
    return this.raw.partition;
  }

  header(name: string): string | undefined {
    const { headers } = this.raw.message;
    if (headers === undefined) return undefined;
    // Own properties only, because "constructor" is a valid header name.
    if (Object.hasOwn(headers, name)) return headers[name];
    const lowerCase = name.toLowerCase();
    return lowerCase !== name && Object.hasOwn(headers, lowerCase) ? headers[lowerCase] : undefined;
  }

  protected settled(settlement: Settlement): void {
    this.#owner.ended(this, settlement);
  }
}

/**
 * FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), 32 bits over UTF-16 units: spreads keys over partitions.
 */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % partitions;
}
