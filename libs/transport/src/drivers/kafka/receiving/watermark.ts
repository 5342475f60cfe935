/**
 * Records which received messages of one partition are done, and up to which offset they are done without a gap.
 *
 * ```
 * offsets   10  11  14  15  16        what was received; 12 and 13 do not exist (compaction, transactions)
 * done       x   x   -   x   -
 *                    ^ head: everything below is done, so 14 is what may be committed
 * ```
 * It uses the received offsets and never counts `+1`, because offsets have gaps. Entries are in a ring buffer, addressed by
 * sequence number, so a settlement costs two array accesses and no lookup.
 */
export class Watermark<Item> {
  #done: Uint8Array;
  #offsets: Float64Array;
  /** The item of each entry, until it is done. */
  #items: (Item | undefined)[];
  #mask: number;
  /** Sequence number of the first entry that is not done; the next number when all are done. */
  #head = 0;
  #tail = 0;
  #doneBeyondHead = 0;
  /** Sequence number of the entry that the committed offset belongs to. */
  #committed = 0;
  #next: number;

  /** @param start the offset that the partition is read from */
  constructor(start: number, capacity = 256) {
    const size = powerOfTwo(capacity);
    this.#done = new Uint8Array(size);
    this.#offsets = new Float64Array(size);
    this.#items = new Array<Item | undefined>(size).fill(undefined);
    this.#mask = size - 1;
    this.#next = start;
  }

  /** The offset that follows everything received so far. */
  get nextOffset(): number {
    return this.#next;
  }

  /** The offset to commit: everything below it is done. */
  get headOffset(): number {
    return this.#head === this.#tail ? this.#next : (this.#offsets[this.#head & this.#mask] as number);
  }

  get headSequence(): number {
    return this.#head;
  }

  get tailSequence(): number {
    return this.#tail;
  }

  /** Received messages at or above the head; done ones among them count too. */
  get beyondHead(): number {
    return this.#tail - this.#head;
  }

  /** Messages that are done and cannot be committed, because one before them is not. */
  get doneBeyondHead(): number {
    return this.#doneBeyondHead;
  }

  /** Received messages at or above the last committed offset, which is the most that a crash repeats. */
  get uncommitted(): number {
    return this.#tail - this.#committed;
  }

  /** Done messages that a commit would cover. */
  get committable(): number {
    return this.#head - this.#committed;
  }

  /** Adds a received message and returns its sequence number. Offsets must increase. */
  add(offset: number): number {
    const sequence = this.#tail;
    if (sequence - this.#head > this.#mask) this.#grow();
    const index = sequence & this.#mask;
    this.#done[index] = 0;
    this.#offsets[index] = offset;
    this.#items[index] = undefined;
    this.#tail = sequence + 1;
    if (offset >= this.#next) this.#next = offset + 1;
    return sequence;
  }

  /** No message below `offset` will follow. It may be above the last received one, where the log ends in markers. */
  passTo(offset: number): void {
    if (offset > this.#next) this.#next = offset;
  }

  /** Marks a message as done. */
  settle(sequence: number): void {
    const index = sequence & this.#mask;
    this.#done[index] = 1;
    this.#items[index] = undefined;
    if (sequence !== this.#head) {
      this.#doneBeyondHead++;
      return;
    }
    let head = sequence + 1;
    while (head < this.#tail && this.#done[head & this.#mask] === 1) head++;
    this.#doneBeyondHead -= head - sequence - 1;
    this.#head = head;
  }

  isDone(sequence: number): boolean {
    return sequence < this.#head || this.#done[sequence & this.#mask] === 1;
  }

  /** Sets the item of an entry that is not done. */
  hold(sequence: number, item: Item): void {
    this.#items[sequence & this.#mask] = item;
  }

  /** The items of the entries that are not done, lowest first. */
  unsettled(): Item[] {
    const items: Item[] = [];
    for (let sequence = this.#head; sequence < this.#tail; sequence++) {
      const item = this.#items[sequence & this.#mask];
      if (item !== undefined) items.push(item);
    }
    return items;
  }

  /** The offset of an entry at or above the head. */
  offsetOf(sequence: number): number {
    return this.#offsets[sequence & this.#mask] as number;
  }

  /** A commit with this `headSequence` succeeded. */
  committedUpTo(headSequence: number): void {
    if (headSequence > this.#committed) this.#committed = headSequence;
  }

  /** Runs of done offsets above the head, lowest first, as `[first, last]`. */
  doneRanges(): [first: number, last: number][] {
    const ranges: [number, number][] = [];
    let open: [number, number] | undefined;
    for (let sequence = this.#head; sequence < this.#tail; sequence++) {
      const index = sequence & this.#mask;
      const offset = this.#offsets[index] as number;
      if (this.#done[index] === 0) open = undefined;
      else if (open === undefined) ranges.push((open = [offset, offset]));
      else open[1] = offset;
    }
    return ranges;
  }

  #grow(): void {
    const size = (this.#mask + 1) * 2;
    const done = new Uint8Array(size);
    const offsets = new Float64Array(size);
    const items = new Array<Item | undefined>(size).fill(undefined);
    for (let sequence = this.#head; sequence < this.#tail; sequence++) {
      done[sequence & (size - 1)] = this.#done[sequence & this.#mask] as number;
      offsets[sequence & (size - 1)] = this.#offsets[sequence & this.#mask] as number;
      items[sequence & (size - 1)] = this.#items[sequence & this.#mask];
    }
    this.#done = done;
    this.#offsets = offsets;
    this.#items = items;
    this.#mask = size - 1;
  }
}

function powerOfTwo(atLeast: number): number {
  let size = 2;
  while (size < atLeast) size *= 2;
  return size;
}
