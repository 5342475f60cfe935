import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudEvent, HTTP } from 'cloudevents';
import { nsq, type NsqOptions } from 'nest-transport/nsq';
import { until } from '../brokers/lone-program.js';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { Application } from './application.js';
import { foreignClient, runClient } from './foreign-clients.mjs';

const { NSQD_TCP: tcp = '', NSQD_HTTP: http = '', NSQLOOKUPD_HTTP: lookupd = '' } = process.env;
const [toNsq, nsqToFile] = [await foreignClient('to_nsq'), await foreignClient('nsq_to_file')];
const describeWithTools = toNsq && nsqToFile ? describe : describe.skip; // NSQ's tools are not here; the line above says what brings them

interface Stats {
  topics: { channels: { channel_name: string }[] }[];
}

/** nsq_to_file on a topic, with a folder and a channel of its own. */
class Archive {
  readonly #folder = mkdtempSync(join(tmpdir(), 'nest-transport-archive-'));
  readonly #process: ChildProcess;

  private constructor(topic: string) {
    const args = ['--topic', topic, '--output-dir', this.#folder, '--sync-interval', '50ms'];
    this.#process = spawn(nsqToFile ?? '', [...args, '--nsqd-tcp-address', tcp], { stdio: 'ignore' });
  }

  /** Resolves when its channel is there: what is published before belongs to other channels only. */
  static async of(topic: string): Promise<Archive> {
    const archive = new Archive(topic);
    await until(async () => {
      const answer = await fetch(`http://${http}/stats?format=json&topic=${topic}`);
      const { topics } = (await answer.json()) as Stats;
      return topics.some(({ channels }) => channels.some(({ channel_name }) => channel_name === 'nsq_to_file'));
    });
    return archive;
  }

  get lines(): string[] {
    const texts = readdirSync(this.#folder).map((name) => readFileSync(join(this.#folder, name), 'utf8'));
    return texts
      .join('')
      .split('\n')
      .filter((line) => line !== '');
  }

  async close(): Promise<void> {
    this.#process.kill('SIGTERM');
    await once(this.#process, 'exit');
    rmSync(this.#folder, { recursive: true });
  }
}

/** n.b. to_nsq cuts off the last byte, line end or not. */
const write = (topic: string, ...lines: string[]): Promise<string> =>
  runClient(toNsq ?? '', ['--nsqd-tcp-address', tcp, '--topic', topic], lines.map((line) => `${line}\n`).join(''));

describeWithTools("NSQ's own tools and an application on NSQ", () => {
  let topic: string;
  let application: Application;
  let archive: Archive | undefined;
  const start = async (options: Partial<NsqOptions> = {}): Promise<void> => {
    const broker = nsq({ nsqd: [tcp], lookupd: [`http://${lookupd}`], ...options });
    application = await Application.start(broker, topic);
  };
  beforeEach(() => (topic = uniqueName('orders')));
  afterEach(async () => {
    await archive?.close();
    archive = undefined;
    await application.close();
  });

  it('nsq_to_file files what we publish, and the CloudEvents SDK reads it: strict, with key, headers and payload', async () => {
    await start();
    const filed = (archive = await Archive.of(topic));
    await application.publish(
      { orderId: 'o-1', note: 'größer' },
      {
        id: 'm-1',
        headers: { 'tenant-id': 'acme', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
      },
    );
    await until(() => filed.lines.length === 1);
    const message = { headers: { 'content-type': 'application/cloudevents+json' }, body: filed.lines[0] ?? '' };
    const event = HTTP.toEvent<{ orderId: string; note: string }>(message) as CloudEvent<{
      orderId: string;
      note: string;
    }>;
    expect(event.validate()).toBe(true);
    expect(event).toMatchObject({ id: 'm-1', type: 'order.created', specversion: '1.0', partitionkey: 'o-1' });
    expect(event['traceparent']).toBe('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    expect(JSON.parse(String(event['headers']))).toEqual({ 'tenant-id': 'acme' });
    expect(event.data).toEqual({ orderId: 'o-1', note: 'größer' });
  });

  it('to_nsq has what it writes handled: plain JSON, and a CloudEvent that the SDK made', async () => {
    await start();
    const event = new CloudEvent({
      id: 'm-1',
      source: '/shop',
      type: 'order.created',
      partitionkey: 'o-1',
      tenantid: 'acme',
      data: { orderId: 'o-1' },
    });
    await write(topic, '{"orderId":"plain"}', JSON.stringify(event));
    const received = await application.received(2);
    const plain = received.find(({ payload }) => (payload as { orderId: string }).orderId === 'plain');
    const wrapped = received.find(({ payload }) => (payload as { orderId: string }).orderId === 'o-1');
    expect(plain?.context).toMatchObject({ type: topic, key: undefined });
    expect(wrapped?.context).toMatchObject({
      id: 'm-1',
      type: 'order.created',
      key: 'o-1',
      headers: { tenantid: 'acme' },
    });
  });

  it('nsq_to_file files the payload alone where the envelope is off', async () => {
    await start({ envelope: 'none' });
    const filed = (archive = await Archive.of(topic));
    await write(topic, '{"orderId":"o-1"}');
    expect((await application.received(1))[0]?.payload).toEqual({ orderId: 'o-1' });
    await until(() => filed.lines.length === 1);
    expect(filed.lines).toEqual(['{"orderId":"o-1"}']);
  });
});
