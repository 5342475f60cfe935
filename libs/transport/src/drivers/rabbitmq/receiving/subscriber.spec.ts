import type { IntakeParts } from './intake.js';
import { RabbitmqConsumption } from './subscriber.js';

it('a consumption counts for its connection until it is closed', async () => {
  const open = new Set<RabbitmqConsumption>();
  const consumption = new RabbitmqConsumption(
    { options: { provision: undefined } } as unknown as IntakeParts,
    [],
    open,
  );
  await consumption.start();
  expect([...open]).toEqual([consumption]);
  await consumption.close();
  expect([...open]).toEqual([]);
});
