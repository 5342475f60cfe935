import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { prepareKafka } from '../../tools/brokers/kafka.mjs';
import { closeAll, connected, message, newTopic, sharedBrokers, TestSink, uniqueName, until } from './support.js';

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
/** Long enough to be compressed, in several chunks of snappy's frames. */
const line = (codec: string, index: number): string => `${codec}-${index}-${'abcdefghij'.repeat(200)}`;
const lines = (codec: string): string[] => Array.from({ length: 40 }, (_, index) => line(codec, index));

/** The tools that come with Kafka: another implementation of every codec. */
class JavaClient {
  readonly #classPath: string;

  constructor(jars: string) {
    this.#classPath = join(jars, '*');
  }

  async produce(topic: string, codec: string, values: readonly string[]): Promise<void> {
    const tool = 'org.apache.kafka.tools.ConsoleProducer';
    const flags = ['--bootstrap-server', sharedBrokers().join(','), '--topic', topic, '--compression-codec', codec];
    const child = spawn('java', ['-Xmx128m', '-cp', this.#classPath, tool, ...flags], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.stdin.end(`${values.join('\n')}\n`);
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`ConsoleProducer ended with ${code}`);
  }

  async consume(topics: readonly string[], count: number): Promise<string[]> {
    const tool = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
    const flags = ['--bootstrap-server', sharedBrokers().join(','), '--include', topics.join('|'), '--from-beginning'];
    const limits = ['--max-messages', String(count), '--timeout-ms', '20000'];
    const { stdout } = await promisify(execFile)(
      'java',
      ['-Xmx128m', '-cp', this.#classPath, tool, ...flags, ...limits],
      { maxBuffer: 1 << 26 },
    );
    return stdout.trimEnd().split('\n');
  }
}

describe('compression, against the Java client', () => {
  let java: JavaClient;
  beforeAll(async () => {
    java = new JavaClient(await prepareKafka());
  }, 120_000);
  afterEach(closeAll);

  it('what is published here with any codec is read there', async () => {
    const topics = await Promise.all(CODECS.map(() => newTopic()));
    for (const [index, compression] of CODECS.entries()) {
      const topic = topics[index] as string;
      const side = await connected({ compression });
      const results = await side.send(...lines(compression).map((text) => message(topic, { body: Buffer.from(text) })));
      expect(results.filter((result) => result instanceof Error)).toEqual([]);
    }
    const read = await java.consume(topics, CODECS.length * 40);
    expect(read.sort()).toEqual(CODECS.flatMap(lines).sort());
  }, 60_000);

  it('what is published there with any codec is read here', async () => {
    const topics = await Promise.all(CODECS.map(() => newTopic()));
    await Promise.all(CODECS.map((codec, index) => java.produce(topics[index] as string, codec, lines(codec))));
    const sink = new TestSink();
    await (
      await connected()
    ).consume(uniqueName('group'), ...topics.map((topic) => [topic, sink] as [string, TestSink]));
    await until('all have come', () => sink.done.length >= CODECS.length * 40);
    expect(sink.done.map(({ body }) => String(body)).sort()).toEqual(CODECS.flatMap(lines).sort());
  }, 60_000);
});
