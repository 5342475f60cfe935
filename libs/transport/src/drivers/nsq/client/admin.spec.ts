import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NsqdAdmin } from './admin.js';

let server: Server;
afterEach(() => server.close());

async function answering(text: string): Promise<NsqdAdmin> {
  server = createServer((_, response) => response.setHeader('connection', 'close').end(text)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new NsqdAdmin(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

describe('stats', () => {
  it('are empty for a topic that nsqd does not have: nsqd 1.3 answers null', async () => {
    const admin = await answering('{"version":"1.3.0","health":"OK","topics":null,"producers":null}');
    expect(await admin.stats('nobody')).toEqual([]);
  });

  it('are returned as nsqd reports them', async () => {
    const topics = [{ topic_name: 'orders', depth: 1, channels: [] }];
    expect(await (await answering(JSON.stringify({ topics }))).stats()).toEqual(topics);
  });
});
