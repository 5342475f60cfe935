import { Notices } from '../../contract/index.js';
import { systemClock } from '../../shared/index.js';
import { memory } from './index.js';

// Found by the conformance suite ("rejects a publish that failed", "goes on where it stopped after every close").
describe('a memory connection that is closed', () => {
  const connection = memory().open({ service: 'a', broker: 'default', notices: new Notices(), clock: systemClock });
  const message = {
    topic: 't',
    key: undefined,
    body: Buffer.from('1'),
    headers: undefined,
    partition: undefined,
    id: '1',
  };

  beforeAll(() => connection.close());

  test('rejects messages after the close, and never returns a receipt', async () => {
    const results = await connection.producer.send([message, message]);
    expect(results).toMatchObject([
      { code: 'TRANSPORT_CLOSED', stored: 'no' },
      { code: 'TRANSPORT_CLOSED', stored: 'no' },
    ]);
    await expect(connection.requester?.request(message, () => undefined)).rejects.toMatchObject({
      code: 'TRANSPORT_CLOSED',
    });
  });

  test('reports that it is down', () => {
    expect(connection.health()).toEqual({ status: 'down', problems: ['the connection is closed'] });
  });
});
