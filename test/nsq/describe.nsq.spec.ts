import { Controller } from '@nestjs/common';
import { describeTransport, Notices, Subscribe, type ConsumingOptions, type NoticeMap } from 'nest-transport';
import { nsq, type NsqOptions } from 'nest-transport/nsq';
import { startNsq, type PrivateNsq } from '../../tools/brokers/nsq.mjs';
import { closeAll as closeApplications, create, refusal, rootModule, start } from '../nest/boot.js';
import { sharedNsqd, uniqueName } from './support.js';

let server: PrivateNsq | undefined;
afterEach(async () => {
  await closeApplications();
  await server?.stop();
  server = undefined;
});

const lookupdOf = ({ lookupd }: PrivateNsq): string[] => [`http://${lookupd.http}`];

function stockModule(options: NsqOptions, subscriptions: ConsumingOptions = {}): new () => object {
  @Controller()
  class Stock {
    @Subscribe(uniqueName('orders'))
    move(): void {}
  }
  return rootModule({ controllers: [Stock] }, { broker: nsq(options), subscriptions });
}

async function described(options: NsqOptions) {
  const { subscriptions, brokers } = await describeTransport(stockModule(options), { logger: false });
  const [{ guarantee, settings } = { guarantee: undefined, settings: undefined }] = subscriptions;
  const codes = [...new Set(guarantee?.reasons.map(({ code }) => code))];
  const publishing = brokers[0]?.publishing.reasons.map(({ code }) => code);
  return { level: guarantee?.level, codes: codes.toSorted(), settings, publishing };
}

async function warnedAtStart(options: NsqOptions): Promise<NoticeMap['guarantee:lowered'][]> {
  const told: NoticeMap['guarantee:lowered'][] = [];
  const app = await create('hybrid', stockModule(options));
  app.get(Notices).on('guarantee:lowered', (notice) => told.push(notice));
  await start(app);
  return told;
}

describe('NSQ says how it keeps messages', () => {
  it('as nsqd tells it where nsqlookupd says: in memory, one copy, confirmed by one', async () => {
    server = await startNsq({ nodes: 2 });
    expect(await described({ lookupd: lookupdOf(server) })).toEqual({
      level: 'may-lose',
      codes: ['confirmed-by-leader', 'kept-in-memory', 'one-copy', 'starts-new'],
      settings: { mem_queue_size: 10_000 },
      publishing: ['not-durable', 'confirmed-by-leader'],
    });
  });

  it('on disk, which does not make it durable', async () => {
    server = await startNsq({ flags: { 'mem-queue-size': 0 } });
    expect(await described({ lookupd: lookupdOf(server) })).toMatchObject({
      level: 'may-lose',
      codes: ['confirmed-by-leader', 'not-durable', 'one-copy', 'starts-new'],
      settings: { mem_queue_size: 0 },
    });
  });

  it('as unknown where nobody says where its HTTP side is', async () => {
    expect(await described({ nsqd: sharedNsqd() })).toMatchObject({
      level: 'may-lose',
      codes: ['confirmed-by-leader', 'not-durable', 'not-readable', 'one-copy', 'starts-new'],
    });
  });
});

describe('a start on NSQ', () => {
  it('warns of nothing that NSQ is by nature', async () => {
    server = await startNsq();
    expect(await warnedAtStart({ lookupd: lookupdOf(server) })).toEqual([]);
    expect(await warnedAtStart({ nsqd: [server.nodes[0]?.tcp ?? ''] })).toEqual([]);
  });

  it('warns of an nsqd that keeps more in memory than usual', async () => {
    server = await startNsq({ flags: { 'mem-queue-size': 1_000_000 } });
    expect(await warnedAtStart({ lookupd: lookupdOf(server) })).toMatchObject([{ reason: { code: 'kept-in-memory' } }]);
  });

  it('is refused where more is wanted than NSQ can promise', async () => {
    server = await startNsq();
    const app = await create('hybrid', stockModule({ lookupd: lookupdOf(server) }, { guarantee: 'at-least-once' }));
    expect(await refusal(start(app))).toMatchObject({ code: 'TRANSPORT_GUARANTEE_UNMET' });
  });
});
