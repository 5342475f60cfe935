import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel, type KafkaConfig, type SASLOptions } from 'kafkajs';
import { isAlive } from '../../scripts/lib/lock.mjs';
import { probeKafka } from '../../tools/brokers/kafka/probe.mjs';
import { startKafka, useKafka, type PrivateKafka, type Secure } from '../../tools/brokers/kafka.mjs';
import { uniqueName } from '../../tools/brokers/names.mjs';

type ScramMechanism = 'scram-sha-256' | 'scram-sha-512';

const kafkaModule = fileURLToPath(new URL('../../tools/brokers/kafka.mjs', import.meta.url));

function client(brokers: string[], config: Partial<KafkaConfig> = {}): Kafka {
  return new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 8, initialRetryTime: 100 }, ...config });
}

async function createTopic(kafka: Kafka, topic: string): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  await admin.disconnect();
}

async function publish(kafka: Kafka, topic: string, ...values: string[]): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ value })) }).finally(() => producer.disconnect());
}

async function read(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  const consumer = kafka.consumer({ groupId: uniqueName('group') });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const values: string[] = [];
  const enough = new Promise<void>((resolve, reject) => {
    const eachMessage = ({ message }: { message: { value: Buffer | null } }): Promise<void> => {
      if (values.push(String(message.value)) === count) resolve();
      return Promise.resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await enough.finally(() => consumer.disconnect());
  return values;
}

/** The one thing here that tells no event: a process that is not our child has ended, or a folder has gone. */
async function until(fact: () => boolean, timeoutMs = 15_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !fact(); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`Not true within ${timeoutMs} ms: ${fact.toString()}`);
  }
}

describe('a private Kafka', () => {
  let kafka: PrivateKafka;
  beforeAll(async () => (kafka = await startKafka()), 120_000);
  afterAll(() => kafka.stop());

  it('answers a publish and a consume of plain kafkajs', async () => {
    const topic = uniqueName('orders');
    await createTopic(client(kafka.brokers), topic);
    await publish(client(kafka.brokers), topic, 'one', 'two');
    expect(await read(client(kafka.brokers), topic, 2)).toEqual(['one', 'two']);
  });

  it('does not create a topic that nobody asked for', async () => {
    const sent = publish(
      client(kafka.brokers, { retry: { retries: 1, initialRetryTime: 50 } }),
      uniqueName('typo'),
      'x',
    );
    await expect(sent).rejects.toThrow(/does not host this topic-partition/);
  });

  it('keeps address and data over SIGKILL and restart', async () => {
    const topic = uniqueName('orders');
    const [address = ''] = kafka.brokers;
    await createTopic(client(kafka.brokers), topic);
    await publish(client(kafka.brokers), topic, 'before');
    const pid = kafka.pid;
    await kafka.kill();
    expect(isAlive(pid)).toBe(false);
    expect(await probeKafka(address)).toMatchObject({ ok: false });
    await kafka.restart();
    await publish(client([address]), topic, 'after');
    expect(await read(client([address]), topic, 2)).toEqual(['before', 'after']);
  }, 60_000);

  it('does not meet another one that starts at the same time', async () => {
    const [a, b] = await Promise.all([startKafka(), startKafka()]);
    try {
      expect(new Set([...a.brokers, ...b.brokers, ...kafka.brokers]).size).toBe(3);
      const topic = uniqueName('orders');
      await createTopic(client(a.brokers), topic);
      await createTopic(client(b.brokers), topic);
      await Promise.all([publish(client(a.brokers), topic, 'a'), publish(client(b.brokers), topic, 'b')]);
      expect(await read(client(b.brokers), topic, 1)).toEqual(['b']);
    } finally {
      await Promise.all([a.stop(), b.stop()]);
    }
    expect([isAlive(a.pid), isAlive(b.pid), existsSync(dirname(a.logFile))]).toEqual([false, false, false]);
  }, 120_000);

  it('is shared through KAFKA_BROKERS, and left running by the one who shares it', async () => {
    const shared = await useKafka({ env: kafka.env });
    expect(shared).toMatchObject({ source: 'listening', brokers: kafka.brokers });
    await shared.stop();
    expect(isAlive(kafka.pid)).toBe(true);
  });
});

describe('what is no Kafka', () => {
  it('is told from one: nobody there, or somebody who speaks something else', async () => {
    const web = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(
      0,
      '127.0.0.1',
    );
    await once(web, 'listening');
    const { port } = web.address() as AddressInfo;
    expect(await probeKafka(`127.0.0.1:${port}`)).toEqual({ ok: false, why: `127.0.0.1:${port} speaks no Kafka` });
    web.close();
    await once(web, 'close');
    expect(await probeKafka(`127.0.0.1:${port}`)).toMatchObject({
      ok: false,
      why: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('is refused when KAFKA_BROKERS names it, with the address and what to do', async () => {
    const used = useKafka({ env: { KAFKA_BROKERS: '127.0.0.1:1' } });
    await expect(used).rejects.toThrow(
      /^\[kafka\] not available: KAFKA_BROKERS is set, but 127\.0\.0\.1:1: .* unset KAFKA_BROKERS/,
    );
  });
});

describe('a program that dies without stopping its Kafka', () => {
  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
    'leaves no JVM and no folder behind after %s',
    async (signal) => {
      const script = `const { startKafka } = await import(${JSON.stringify(kafkaModule)});
        const kafka = await startKafka(); console.log(JSON.stringify({ pid: kafka.pid, log: kafka.logFile })); setInterval(() => {}, 1e6);`;
      const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(createInterface({ input: program.stdout }), 'line')) as [string];
      const { pid, log } = JSON.parse(line) as { pid: number; log: string };
      expect([isAlive(pid), existsSync(log)]).toEqual([true, true]);
      program.kill(signal);
      await once(program, 'exit');
      await until(() => !isAlive(pid) && !existsSync(dirname(log)));
    },
    120_000,
  );
});

describe('the secure listeners', () => {
  let kafka: PrivateKafka;
  let secure: Secure;
  beforeAll(async () => {
    kafka = await startKafka({ security: true });
    secure = kafka.secure ?? raise('no secure listeners');
  }, 120_000);
  afterAll(() => kafka.stop());

  const ca = (): string[] => [secure.certificates.ca.cert];
  /** n.b. a new object for each client: kafkajs writes its authenticator, old password included, into the one it is given. */
  const plain = (password = secure.users.plain.password): SASLOptions => ({
    mechanism: 'plain',
    username: secure.users.plain.username,
    password,
  });
  const scram = (mechanism: ScramMechanism, password = secure.users.scram.password): SASLOptions => {
    const { username } = secure.users.scram;
    return mechanism === 'scram-sha-256' ? { mechanism, username, password } : { mechanism, username, password };
  };

  /** n.b. kafkajs gives a connection 1 s, TLS included, which a JVM needs alone to load what it never used before. */
  async function login(brokers: string[], config: Partial<KafkaConfig>): Promise<'in'> {
    const admin = client(brokers, { retry: { retries: 0 }, connectionTimeout: 10_000, ...config }).admin();
    await admin.connect();
    await admin.listTopics().finally(() => admin.disconnect());
    return 'in';
  }

  it('TLS takes the right CA and refuses none and another', async () => {
    expect(await login(secure.tls, { ssl: { ca: ca() } })).toBe('in');
    await expect(login(secure.tls, { ssl: true })).rejects.toThrow(/unable to verify|self.signed/);
    await expect(login(secure.tls, { ssl: { ca: [secure.certificates.wrongCa.cert] } })).rejects.toThrow(
      /unable to verify|self.signed/,
    );
  });

  it('TLS with a certificate for another host is refused although its CA is right', async () => {
    await expect(login(secure.wrongHost, { ssl: { ca: ca() } })).rejects.toThrow(
      /does not match certificate's altnames|altnames/,
    );
  });

  it('mutual TLS takes our client and refuses none and a client of another CA', async () => {
    const { client: right, wrongClient } = secure.certificates;
    expect(await login(secure.mtls, { ssl: { ca: ca(), cert: right.cert, key: right.key } })).toBe('in');
    await expect(login(secure.mtls, { ssl: { ca: ca() } })).rejects.toThrow(/alert|closed|disconnected/i);
    const foreign = { ca: ca(), cert: wrongClient.cert, key: wrongClient.key };
    await expect(login(secure.mtls, { ssl: foreign })).rejects.toThrow(/alert|closed|disconnected/i);
  });

  it('SASL PLAIN takes the password and refuses a wrong one, with and without TLS', async () => {
    expect(await login(secure.sasl, { sasl: plain() })).toBe('in');
    expect(await login(secure.saslTls, { sasl: plain(), ssl: { ca: ca() } })).toBe('in');
    await expect(login(secure.sasl, { sasl: plain('guess') })).rejects.toThrow(/Invalid username or password/);
    const wrong = { sasl: plain('guess'), ssl: { ca: ca() } };
    await expect(login(secure.saslTls, wrong)).rejects.toThrow(/Invalid username or password/);
  });

  it.each(['scram-sha-256', 'scram-sha-512'] as const)(
    '%s takes the password and refuses a wrong one',
    async (mechanism) => {
      expect(await login(secure.saslTls, { sasl: scram(mechanism), ssl: { ca: ca() } })).toBe('in');
      const wrong = { sasl: scram(mechanism, 'guess'), ssl: { ca: ca() } };
      await expect(login(secure.saslTls, wrong)).rejects.toThrow(/invalid credentials/);
    },
  );
});

function raise(sentence: string): never {
  throw new Error(sentence);
}
