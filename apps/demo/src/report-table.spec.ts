import { coloursOf } from './output.js';
import { describeNextSteps } from './report-table.js';

const ESCAPE = '\u001b[';

describe('the end of a demo', () => {
  it.each([
    ['memory', 'npm run demo -- --broker kafka'],
    ['kafka', 'npm run demo -- --broker memory'],
  ] as const)('names three commands to try next; after a run on %s the first is %s', (broker, first) => {
    const commands = describeNextSteps(broker, coloursOf(false))
      .split('\n')
      .filter((line) => line.startsWith('  npm run '));
    expect(commands).toHaveLength(3);
    expect(commands[0]).toContain(first);
  });

  it('has colours only where the terminal has them', () => {
    expect(describeNextSteps('memory', coloursOf(true))).toContain(ESCAPE);
    expect(describeNextSteps('memory', coloursOf(false))).not.toContain(ESCAPE);
  });
});
