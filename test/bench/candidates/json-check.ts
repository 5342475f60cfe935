/*
 * What the check for values that JSON has no word for costs: `jsonCodec.encode` against `lossyJsonCodec.encode`, in CPU time.
 * node --conditions=nest-transport:source --import ./tools/typescript-loader.mjs test/bench/candidates/json-check.ts
 */
import { jsonCodec, lossyJsonCodec } from 'nest-transport';

const row = (n: number, note: string | null): object => ({
  ...{ id: n, name: `name of ${n}`, active: n % 2 === 0, price: n * 1.25, tags: ['x', 'y', `z${n}`], note },
  address: { street: `Long street ${n}`, city: 'Berlin', zip: String(10_000 + n) },
});
const rows = (note: string | null): object => ({ rows: Array.from({ length: 500 }, (_, n) => row(n, note)) });
const PAYLOADS = {
  'small, 250 bytes': [row(1, 'fine'), 20_000],
  'small, with a null': [row(1, null), 20_000],
  'large, 80 kB': [rows('fine'), 60],
  'large, a null in each row': [rows(null), 60],
} as const;
const CODECS = { unchecked: lossyJsonCodec, checked: jsonCodec } as const;

const cpuMicros = (): number => process.cpuUsage().user + process.cpuUsage().system;

function microsOf(codec: typeof jsonCodec, payload: object, times: number): number {
  const since = cpuMicros();
  for (let n = 0; n < times; n++) codec.encode(payload);
  return (cpuMicros() - since) / times;
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;

/** In turn, so that what else the machine does hits both alike. */
function ratioOf(payload: object, times: number): string {
  const rounds = Array.from({ length: 41 }, () => {
    const unchecked = microsOf(CODECS.unchecked, payload, times);
    return { unchecked, ratio: microsOf(CODECS.checked, payload, times) / unchecked };
  }).slice(10);
  const micros = median(rounds.map(({ unchecked }) => unchecked));
  return `${micros.toFixed(2)} us unchecked, checked x ${median(rounds.map(({ ratio }) => ratio)).toFixed(3)}`;
}

for (const [name, [payload, times]] of Object.entries(PAYLOADS)) {
  process.stdout.write(`${process.version} ${name}: ${ratioOf(payload, times)}\n`);
}
