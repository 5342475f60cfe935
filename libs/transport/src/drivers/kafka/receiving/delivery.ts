import { Delivery, type Headers, type RawHeaders, type Settlement } from '../../../contract/index.js';
import type { FetchedRecord } from '../client/seam.js';
import { withOwnBytes } from '../own-bytes.js';
import { headerOf, headersOf, keyText, rawHeadersOf, rawKeyOf } from '../mapping.js';

/** The record as the Kafka client read it (`context.raw`). Keys, values and headers are bytes. */
export interface KafkaRecord extends FetchedRecord {}

/** The intake that delivered a message and receives its settlement. */
export interface DeliveryOwner {
  readonly topic: string;
  readonly group: string;
  readonly partition: number;
  mayBegin(): boolean;
  suspicionOf(offset: string): number;
  recordStart(sequence: number, nextAttempt: number): Promise<void>;
  settled(sequence: number, settlement: Settlement): void;
  parked(sequence: number, nextAttempt: number): void;
}

/** Delivers one Kafka record to a handler. The constructor reads the key; everything else is decoded on access. */
export class KafkaDelivery extends Delivery<KafkaRecord> {
  readonly offset: string;
  raw: KafkaRecord;
  declare body: Buffer | null;
  readonly #owner: DeliveryOwner;
  readonly #sequence: number;
  #headers: Headers | undefined;

  constructor(owner: DeliveryOwner, record: KafkaRecord, sequence: number, attempt: number) {
    super(owner.topic, owner.group, keyText(record.key), record.value, attempt, owner.partition);
    this.offset = record.offset;
    this.raw = record;
    this.#owner = owner;
    this.#sequence = sequence;
    this.#headers = undefined;
  }

  /** Its sequence number in the watermark of its partition. */
  get sequence(): number {
    return this.#sequence;
  }

  /** A message without a key keeps the order of its partition. */
  override get stream(): number {
    return this.partition as number;
  }

  override get rawKey(): Buffer | undefined {
    return rawKeyOf(this.raw.key);
  }

  override get rawHeaders(): RawHeaders | undefined {
    return rawHeadersOf(this.raw);
  }

  get headers(): Headers {
    return (this.#headers ??= headersOf(this.raw));
  }

  get publishedAt(): Date | undefined {
    const ms = Number(this.raw.timestamp);
    return ms >= 0 ? new Date(ms) : undefined;
  }

  header(name: string): string | undefined {
    return this.#headers === undefined ? headerOf(this.raw, name) : this.#headers[name.toLowerCase()];
  }

  override get suspicion(): number {
    return this.#owner.suspicionOf(this.offset);
  }

  override recordStart(): Promise<void> {
    return this.#owner.recordStart(this.#sequence, this.attempt + 1);
  }

  override mayBegin(): boolean {
    return super.mayBegin() && this.#owner.mayBegin();
  }

  override park(nextAttempt: number, delayMs: number): void {
    super.park(nextAttempt, delayMs);
    this.raw = withOwnBytes(this.raw);
    this.body = this.raw.value;
    this.#owner.parked(this.#sequence, nextAttempt);
  }

  protected settled(settlement: Settlement): void {
    this.#owner.settled(this.#sequence, settlement);
  }
}
