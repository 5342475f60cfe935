import { Exposure } from './exposure.js';

describe('what a SIGKILL would repeat', () => {
  it('never exceeds the limit when nothing is delivered without room', () => {
    const exposure = new Exposure(4);
    for (let handed = 0; handed < 4; handed++) exposure.handedOver();
    expect(exposure.room).toBe(0);
  });

  it('shrinks by commits, not by settling', () => {
    const exposure = new Exposure(4);
    exposure.handedOver();
    exposure.settled(false);
    expect(exposure.room).toBe(3);
    exposure.committed(1);
    expect(exposure.room).toBe(4);
  });

  it('does not count what failed and waits, until it is done', () => {
    const exposure = new Exposure(4);
    exposure.handedOver();
    exposure.parked();
    expect(exposure.room).toBe(4);
    exposure.settled(true);
    expect(exposure.room).toBe(3);
  });

  it('asks for a commit when half is done, and when there is no room and anything is done', () => {
    const exposure = new Exposure(10);
    for (let handed = 0; handed < 10; handed++) exposure.handedOver();
    expect(exposure.isCommitDue).toBe(false);
    exposure.settled(false);
    expect(exposure.isCommitDue).toBe(true);
    exposure.forget(5, 0);
    expect(exposure.isCommitDue).toBe(false);
    for (let done = 0; done < 4; done++) exposure.settled(false);
    expect(exposure.isCommitDue).toBe(true);
  });
});
