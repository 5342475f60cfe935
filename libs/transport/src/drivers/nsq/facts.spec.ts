import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { askForKeeping, factsOf, type NsqKeeping } from './facts.js';

const query = { topic: 'orders', group: 'stock' };
const of = (keeping: NsqKeeping) => {
  const { topics, inherent } = factsOf([query], keeping);
  return { topic: topics[0], inherent };
};
const BY_NATURE = ['one-copy', 'confirmed-by-leader'];

describe('the settings of nsqd become facts', () => {
  it.each([
    ['by default: in memory', [10_000], 'memory', [...BY_NATURE, 'kept-in-memory']],
    ['with more in memory than by default, which is not inherent', [10_001], 'memory', BY_NATURE],
    ['on disk', [0], 'disk', [...BY_NATURE, 'kept-in-memory']],
    ['as the weakest of several', [0, 500], 'memory', [...BY_NATURE, 'kept-in-memory']],
  ])('%s', (_, memQueueSizes, storage, inherent) => {
    const settings = { mem_queue_size: Math.max(...memQueueSizes) };
    expect(of({ memQueueSizes })).toEqual({ topic: { copies: 1, storage, settings }, inherent });
  });

  it('the storage is unknown if some nsqd did not report it, unless one of them keeps messages in memory', () => {
    expect(of({ memQueueSizes: [], unknown: 'why' }).topic).toEqual({ copies: 1, unknown: 'why' });
    expect(of({ memQueueSizes: [0], unknown: 'why' }).topic).not.toHaveProperty('storage');
    expect(of({ memQueueSizes: [5], unknown: 'why' }).topic).toMatchObject({ storage: 'memory', unknown: 'why' });
  });

  it('there is one result per query: no topic has settings of its own, or needs to exist', () => {
    expect(factsOf([query, { topic: 'dead', group: undefined }], { memQueueSizes: [0] }).topics).toHaveLength(2);
  });
});

describe('the settings of nsqd are read', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  /** One address that is nsqlookupd and nsqd at once. */
  async function answering(nodes: (port: number) => object[], size: string): Promise<string> {
    const running = createServer(({ url }, response) => {
      const { port } = running.address() as AddressInfo;
      response.end(url?.startsWith('/nodes') === true ? JSON.stringify({ producers: nodes(port) }) : size);
    });
    server = running;
    await new Promise<void>((resolve) => running.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(running.address() as AddressInfo).port}`;
  }
  const node = (http_port: number, tcp_port: number) => ({ broadcast_address: '127.0.0.1', http_port, tcp_port });
  const ask = (nsqd?: string[], lookupd?: string[]) =>
    askForKeeping({ ...(nsqd ? { nsqd } : {}), ...(lookupd ? { lookupd } : {}), connectionTimeoutMs: 5_000 });

  it('at the addresses that nsqlookupd lists', async () => {
    const lookupd = await answering((port) => [node(port, 4150)], '500');
    expect(await ask(undefined, [lookupd])).toEqual({ memQueueSizes: [500] });
    expect(await ask(['127.0.0.1:4150'], [lookupd])).toEqual({ memQueueSizes: [500] });
  });

  it('as far as they answer, and unknown settings are reported without an address', async () => {
    const lookupd = await answering((port) => [node(port, 4150), node(1, 4152)], '500');
    const keeping = await ask(['nsqd-1:4150'], [lookupd, 'http://127.0.0.1:1']);
    expect(keeping).toEqual({
      memQueueSizes: [500],
      unknown:
        '1 of 2 nsqlookupd did not list the nsqd, and 1 of 2 nsqd did not return the settings over HTTP, and nsqlookupd does not list 1 of the nsqd addresses in nsq()',
    });
  });

  it('not at all without nsqlookupd, without any nsqd, or after an invalid reply', async () => {
    expect(await ask(['127.0.0.1:4150'])).toMatchObject({
      memQueueSizes: [],
      unknown: expect.stringContaining('lookupd'),
    });
    expect(await ask(undefined, [await answering(() => [], '')])).toMatchObject({
      unknown: 'nsqlookupd lists no nsqd',
    });
    server?.close();
    const odd = await answering((port) => [node(port, 4150)], '"many"');
    expect(await ask(undefined, [odd])).toMatchObject({
      memQueueSizes: [],
      unknown: expect.stringContaining('1 of 1'),
    });
  });
});
