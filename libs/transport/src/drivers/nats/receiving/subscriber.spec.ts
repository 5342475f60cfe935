import { NatsConsumption, type Intake } from './subscriber.js';

const intake = (): Intake => ({
  ...{ problems: ['it does not consume'], isDown: true },
  ...{ start: () => Promise.resolve(), stop: () => Promise.resolve(), close: () => Promise.resolve() },
});

it('a consumption counts for its connection until it is closed', async () => {
  const open = new Set<NatsConsumption>();
  const consumption = new NatsConsumption([intake()], open);
  expect([...open]).toEqual([consumption]);
  await consumption.close();
  expect([...open]).toEqual([]);
});

it('a consumption that cannot start does not count for its connection', async () => {
  const open = new Set<NatsConsumption>();
  const failing = { ...intake(), start: () => Promise.reject(new Error('refused')) };
  await expect(new NatsConsumption([failing], open).start()).rejects.toThrow('refused');
  expect([...open]).toEqual([]);
});
