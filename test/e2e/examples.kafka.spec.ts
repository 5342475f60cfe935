import { read } from '../architecture/tree.js';
import { documentedLines, runExample } from './examples.js';

test('example 02-kafka prints what its page says', async () => {
  const lines = documentedLines('02-kafka');
  expect(lines).toHaveLength(3);
  expect(await runExample('02-kafka')).toEqual(lines.map((line) => expect.stringMatching(line) as unknown));
}, 60_000);

test('example 02-kafka differs from 01-hello in the lines that name the broker, and in no other', () => {
  const [hello, kafka] = ['01-hello', '02-kafka'].map((name) => read(`examples/${name}/main.ts`).text.split('\n'));
  expect(kafka?.filter((line) => !hello?.includes(line))).toEqual([
    "import { kafka } from 'nest-transport/kafka';",
    "const brokers = (process.env['KAFKA_BROKERS'] ?? 'localhost:9092').split(',');",
    "  imports: [TransportModule.forRoot({ service: 'hello', broker: kafka({ brokers, provision: {} }) })],",
  ]);
});
