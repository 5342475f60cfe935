import { crc32c } from './crc32c.js';
import { NsqError } from './failure.js';

/** Compresses and decompresses raw snappy blocks, like the package `snappy`. */
export interface SnappyBlocks {
  compressSync(input: Buffer): Buffer;
  uncompressSync(input: Buffer): Buffer | string;
}

/*
 * Snappy's framing format (google/snappy, framing_format.txt):
 *   [type: 1][length: 3, little endian][length bytes]
 *   ff  stream identifier "sNaPpY"
 *   00  compressed:   [masked CRC-32C of the plain bytes: 4][a snappy block]
 *   01  uncompressed: [masked CRC-32C: 4][plain bytes]
 *   80-fe  may be skipped; 02-7f may not
 * A chunk holds at most 65,536 plain bytes.
 */
const IDENTIFIER = Buffer.from([0xff, 6, 0, 0, ...Buffer.from('sNaPpY')]);
const MAX_PLAIN_BYTES = 65_536;
const HEAD_BYTES = 4;
const CRC_BYTES = 4;

const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

/** Encodes plain bytes to chunks. */
export class SnappyWriter {
  readonly #blocks: SnappyBlocks;
  #isStarted = false;

  constructor(blocks: SnappyBlocks) {
    this.#blocks = blocks;
  }

  write(plain: Buffer): Buffer {
    const parts: Buffer[] = this.#isStarted ? [] : [IDENTIFIER];
    this.#isStarted = true;
    for (let start = 0; start < plain.length; start += MAX_PLAIN_BYTES) {
      parts.push(...this.#chunk(plain.subarray(start, start + MAX_PLAIN_BYTES)));
    }
    return Buffer.concat(parts);
  }

  #chunk(plain: Buffer): Buffer[] {
    const block = this.#blocks.compressSync(plain);
    // Short commands hardly shrink; the format has a chunk type for uncompressed data.
    const isSmaller = block.length < plain.length;
    const data = isSmaller ? block : plain;
    const head = Buffer.allocUnsafe(HEAD_BYTES + CRC_BYTES);
    head.writeUInt8(isSmaller ? 0 : 1, 0);
    head.writeUIntLE(CRC_BYTES + data.length, 1, 3);
    head.writeUInt32LE(masked(crc32c(plain)), HEAD_BYTES);
    return [head, data];
  }
}

/** Decodes chunks to plain bytes, wherever the reads end. */
export class SnappyReader {
  readonly #blocks: SnappyBlocks;
  #rest: Buffer = Buffer.alloc(0);

  constructor(blocks: SnappyBlocks) {
    this.#blocks = blocks;
  }

  /** @throws NsqError `protocol` for a broken stream or a wrong checksum */
  push(bytes: Buffer): Buffer {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const plain: Buffer[] = [];
    let start = 0;
    while (all.length - start >= HEAD_BYTES) {
      const end = start + HEAD_BYTES + all.readUIntLE(start + 1, 3);
      if (all.length < end) break;
      const part = this.#open(all.readUInt8(start), all.subarray(start + HEAD_BYTES, end));
      if (part !== undefined) plain.push(part);
      start = end;
    }
    this.#rest = all.subarray(start);
    return plain.length === 1 ? (plain[0] as Buffer) : Buffer.concat(plain);
  }

  #open(type: number, data: Buffer): Buffer | undefined {
    if (type >= 0x80) return undefined;
    if (type > 1 || data.length < CRC_BYTES) throw broken(`chunk of type ${type} with ${data.length} bytes`);
    const plain = type === 1 ? data.subarray(CRC_BYTES) : this.#uncompress(data.subarray(CRC_BYTES));
    if (plain.length > MAX_PLAIN_BYTES) throw broken(`chunk of ${plain.length} plain bytes`);
    if (masked(crc32c(plain)) !== data.readUInt32LE(0)) throw broken('checksum that does not match');
    return plain;
  }

  #uncompress(block: Buffer): Buffer {
    // A block starts with its plain size; a forged one must not reserve that much memory.
    if (plainSize(block) > MAX_PLAIN_BYTES) throw broken(`block of ${plainSize(block)} plain bytes`);
    try {
      return this.#blocks.uncompressSync(block) as Buffer;
    } catch (cause) {
      throw new NsqError('protocol', 'the snappy stream has a block that cannot be decompressed.', { cause });
    }
  }
}

/** The number at the start of a snappy block: seven bits per byte, lowest first. */
function plainSize(block: Buffer): number {
  let size = 0;
  for (let index = 0; index < Math.min(5, block.length); index++) {
    const byte = block[index] as number;
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return size;
  }
  return Number.POSITIVE_INFINITY;
}

const broken = (what: string): NsqError => new NsqError('protocol', `the snappy stream has a ${what}.`);
