import { Notices } from '../../../contract/index.js';
import { systemClock } from '../../../shared/index.js';
import { resolveNsqOptions } from '../options.js';
import { NsqConsumption } from './subscriber.js';

it('a consumption counts for its connection until it is closed', async () => {
  const host = { service: 's', broker: 'default', notices: new Notices(), clock: systemClock };
  const open = new Set<NsqConsumption>();
  const client = { nsqd: ['127.0.0.1:9'] } as never;
  const consumption = await NsqConsumption.start(host, resolveNsqOptions({ nsqd: ['127.0.0.1:9'] }), client, [], open);
  expect([...open]).toEqual([consumption]);
  await consumption.close();
  expect([...open]).toEqual([]);
});
