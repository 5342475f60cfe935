import { Notices } from '../../../contract/index.js';
import { ManualClock } from '../../../testing/manual-clock.js';
import { NsqError } from '../client/index.js';
import { ProblemWatch } from './problem-watch.js';

const away = new NsqError('unreachable', 'connect ECONNREFUSED', { nsqd: 'a:4150' });
const refused = new NsqError('authorization', 'nsqd a:4150 answered E_UNAUTHORIZED', { nsqd: 'a:4150' });
const lookupd = new NsqError('timeout', 'http://l:4161 did not answer within 5000 ms.');

function watched() {
  const [clock, notices, warnings] = [new ManualClock(), new Notices(), [] as string[]];
  notices.on('broker:warned', ({ warning }) => warnings.push(warning));
  const state: { problems: NsqError[] } = { problems: [] };
  const watch = new ProblemWatch({ clock, notices, broker: 'default' }, () => state.problems);
  watch.start();
  watch.start();
  return { clock, warnings, state, watch };
}

describe('what lasts and is no outage', () => {
  it('is reported within 10 s, once until it is over, whatever its sentence is', () => {
    const { clock, warnings, state } = watched();
    state.problems = [away, lookupd];
    clock.advance(3_000);
    expect(warnings).toEqual([]);
    clock.advance(7_000);
    expect(warnings).toEqual([
      'connect ECONNREFUSED. Messages that a:4150 holds wait until this is over',
      'http://l:4161 did not answer within 5000 ms. Nsqd that start now may not be found until this is over',
    ]);
    state.problems = [refused];
    clock.advance(20_000);
    expect(warnings).toHaveLength(2);
    state.problems = [];
    clock.advance(3_000);
    state.problems = [refused];
    clock.advance(10_000);
    expect(warnings).toHaveLength(3);
  });

  it('is not reported when it is over soon, nor after the close', () => {
    const { clock, warnings, state, watch } = watched();
    state.problems = [away];
    clock.advance(3_000);
    state.problems = [];
    clock.advance(3_000);
    state.problems = [away];
    clock.advance(3_000);
    watch.close();
    watch.start();
    clock.advance(20_000);
    expect(warnings).toEqual([]);
  });
});
