import { read } from '../architecture/tree.js';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { onAnotherBroker, runProgram } from './tour-change.js';

test("the README's tour runs on Kafka with the change that the README shows, and nothing else", async () => {
  const [address = ''] = (process.env['KAFKA_BROKERS'] ?? '').split(',');
  const program = onAnotherBroker(read('README.md').text, read('test/docs/tour.ts').text)
    .replace('order.created', uniqueName('tour'))
    .replace('localhost:9092', address);
  await runProgram(program, async (run) => {
    await run.printed(/^reserved 2 for o-1$/m);
    run.kill('SIGTERM');
    await run.printed(/Drained broker/);
    expect(await run.exited).toBe(0);
  });
}, 60_000);
