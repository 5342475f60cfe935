import { randomInt } from 'node:crypto';

/** Hashes a record key as Kafka's Java client does, so that all clients send a key to the same partition. */
export function murmur2(key: Uint8Array): number {
  const { length } = key;
  const whole = length & ~3;
  let hash = 0x9747b28c ^ length;
  for (let i = 0; i < whole; i += 4) {
    const word = byte(key, i) | (byte(key, i + 1) << 8) | (byte(key, i + 2) << 16) | (byte(key, i + 3) << 24);
    hash = Math.imul(hash, M) ^ mix(Math.imul(word, M));
  }
  const rest = length - whole;
  if (rest > 2) hash ^= byte(key, whole + 2) << 16;
  if (rest > 1) hash ^= byte(key, whole + 1) << 8;
  if (rest > 0) hash = Math.imul(hash ^ byte(key, whole), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

const M = 0x5bd1e995;
const mix = (word: number): number => Math.imul(word ^ (word >>> 24), M);
const byte = (key: Uint8Array, index: number): number => key[index] as number;

/** Chooses a partition for a message that names none. */
export type ChoosePartition = (topic: string, key: string | Buffer | undefined, partitions: number) => number;

/** Hashes the key. Messages without a key go round robin, starting at a random partition. */
export function byKey(): ChoosePartition {
  const inTurn = roundRobin();
  return (topic, key, partitions) =>
    key === undefined ? inTurn(topic, key, partitions) : (murmur2(bytesOf(key)) & 0x7fffffff) % partitions;
}

const bytesOf = (key: string | Buffer): Buffer => (typeof key === 'string' ? Buffer.from(key) : key);

/** Round robin regardless of the key, so messages of one key lose their order. */
export function roundRobin(): ChoosePartition {
  const counters = new Map<string, number>();
  return (topic, _key, partitions) => {
    const turn = ((counters.get(topic) ?? randomInt(0x10000)) + 1) & 0x7fffffff;
    counters.set(topic, turn);
    return turn % partitions;
  };
}
