import { Reader, Writer, type Message } from 'nsqjs';
import { nsq } from 'nest-transport/nsq';
import { Meter, type Figures } from '../figures.js';
import { orderOf, type Order } from '../order.js';
import { measureSending, sendAll } from '../outstanding.js';
import { consumeThrough, GROUP, publishThrough } from './broker-ours.js';
import type { RowOrder } from './index.js';

const nsqd = (): string => process.env['NSQD_TCP']?.split(',')[0] ?? '';
const FILLERS = 1_000;

/** `writer.publish` of nsqjs, each awaited. */
export const publishNsqRaw = ({ messages, outstanding, topic }: RowOrder): Promise<Figures> =>
  withWriter((writer) =>
    measureSending(messages, (from, to) => sendAll(from, to, outstanding, (n) => publish(writer, topic, n))),
  );

export const publishNsqOurs = (order: RowOrder): Promise<Figures> => publishThrough(nsq({ nsqd: [nsqd()] }), order);

/** nsqjs' Reader and `finish` for each message. */
export async function consumeNsqRaw({ messages, topic }: RowOrder): Promise<Figures> {
  await fill(topic, messages);
  const meter = new Meter(messages);
  const reader = new Reader(topic, GROUP, { nsqdTCPAddresses: [nsqd()], maxInFlight: 256 });
  reader.on('message', (message: Message) => {
    if ((JSON.parse(message.body.toString()) as Order).n > 0) meter.count();
    message.finish();
  });
  reader.connect();
  const figures = await meter.done;
  reader.close();
  return figures;
}

export const consumeNsqOurs = (order: RowOrder): Promise<Figures> =>
  consumeThrough(nsq({ nsqd: [nsqd()] }), order, () => fill(order.topic, order.messages));

const fill = (topic: string, messages: number): Promise<void> =>
  withWriter((writer) => sendAll(0, messages, FILLERS, (n) => publish(writer, topic, n)));

const publish = (writer: Writer, topic: string, n: number): Promise<void> =>
  new Promise((resolve, reject) =>
    writer.publish(topic, JSON.stringify(orderOf(n)), (error) => (error === null ? resolve() : reject(error))),
  );

async function withWriter<Result>(use: (writer: Writer) => Promise<Result>): Promise<Result> {
  const [host = '', port = ''] = nsqd().split(':');
  const writer = new Writer(host, Number(port));
  const ready = new Promise((resolve) => writer.once('ready', resolve));
  writer.connect();
  await ready;
  const result = await use(writer);
  writer.close();
  return result;
}
