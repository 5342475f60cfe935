import { read } from '../architecture/tree.js';
import { SourceProcess } from '../e2e/source-process.js';
import { blocksOf } from './markdown.js';
import { onAnotherBroker, runProgram } from './tour-change.js';

const readme = read('README.md').text;
const tour = read('test/docs/tour.ts').text;

describe("the README's tour", () => {
  it('is test/docs/tour.ts, letter by letter', () => {
    expect(blocksOf(readme).find(({ info }) => info === 'ts')?.text).toBe(tour.trimEnd());
  });

  it('prints what the handler got, and ends with 0 on SIGTERM', async () => {
    const program = new SourceProcess('test/docs/tour.ts', [], { PORT: '0' });
    try {
      await program.printed(/^reserved 2 for o-1$/m);
      await program.printed(/successfully started/); // n.b. else it could end with 0 before any signal
      program.kill('SIGTERM');
      await program.printed(/Drained broker/);
      expect({ ended: await program.exited, warnings: program.stderr }).toEqual({ ended: 0, warnings: '' });
    } finally {
      await program.end();
    }
  });

  it('says what is wrong, with the change of the README and no Kafka to answer', async () => {
    const program = onAnotherBroker(readme, tour).replace('localhost:9092', '127.0.0.1:1');
    await runProgram(program, async (run) => {
      await run.printed(/Broker "default" is unreachable.*TRANSPORT_BROKER_UNREACHABLE/);
    });
  });

  it('would be caught with a change that does not fit the program', () => {
    const change = '```diff\n-const broker = nothing();\n+const broker = 1;\n```';
    expect(() => onAnotherBroker(change, tour)).toThrow('no line "const broker = nothing();"');
    expect(() => onAnotherBroker('```diff\n-const broker = memory();\n```', tour)).toThrow('const broker = memory()');
    expect(() => onAnotherBroker('nothing', tour)).toThrow('no change');
  });
});
