/**
 * Rejects a body that announces more than it contains. A decoder allocates an array as soon as it has read its length,
 * so a few bytes of nested lengths could exhaust the memory.
 *
 * ```
 * type byte      length bytes   then
 * 00-7f, e0-ff   -              nothing: a small number
 * 80-8f, 90-9f   -              2n or n values (map, array)
 * a0-bf          -              n bytes (text)
 * c0-c3          -              nothing
 * c4-c6, c7-c9   1, 2, 4        n bytes, or one for the type and n (binary, extension)
 * ca-d3          -              a number of fixed size
 * d4-d8          -              one for the type and 1 to 16
 * d9-db          1, 2, 4        n bytes (text)
 * dc-dd, de-df   2, 4           n or 2n values (array, map)
 * ```
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md
 * @throws RangeError
 */
export function checkMsgpackStructure(body: Buffer): void {
  const { length } = body;
  let at = 0;
  for (let owed = 1; owed > 0; owed--) {
    if (at >= length) throw new RangeError('it ends before its last value');
    const type = body[at++] as number;
    if (type <= 0x7f || type >= 0xe0) continue;
    if (type >= 0xa0 && type <= 0xbf) at += type & 0x1f;
    else if (type <= 0x9f) owed += type <= 0x8f ? 2 * (type & 0x0f) : type & 0x0f;
    else {
      const width = WIDTHS[type - FIRST] as number;
      if (at + width > length) throw new RangeError('it ends inside a length');
      const announced = width === 0 ? 0 : body.readUIntBE(at, width);
      at += width + (FIXED[type - FIRST] as number);
      if (type >= 0xdc) owed += type >= 0xde ? 2 * announced : announced;
      else at += announced;
    }
    // Each value still to come takes at least one byte; the value just read is still counted.
    if (owed - 1 > length - at) throw new RangeError('it announces more than it contains');
  }
}

/** The first type byte with an entry in the tables below. */
const FIRST = 0xc0;
/** Size of the length field for the types c0 to df. */
const WIDTHS = [0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4];
/** Bytes in addition to the announced length: numbers, and the type of an extension. */
const FIXED = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, 0, 0, 0, 0, 0, 0, 0];
