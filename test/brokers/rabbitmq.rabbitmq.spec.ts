import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, credentials } from 'amqplib';
import { isAlive } from '../../scripts/lib/lock.mjs';
import { endBy, loneProgram, tracesOf, until } from './lone-program.js';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { probeRabbitmq } from '../../tools/brokers/rabbitmq/probe.mjs';
import { startRabbitmq, useRabbitmq, type PrivateRabbitmq, type Secure } from '../../tools/brokers/rabbitmq.mjs';

/** So long 3.10.8 takes, with room, until a new quorum queue survives SIGKILL; nothing tells when. */
const REGISTERED_MS = 2_500;

async function publish(url: string, queue: string, ...values: string[]): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  for (const value of values) channel.sendToQueue(queue, Buffer.from(value), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
}

async function depth(url: string, queue: string): Promise<number> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  const { messageCount } = await channel.checkQueue(queue);
  await connection.close();
  return messageCount;
}

/** Asks the server's own HTTP API. */
const ask = ({ managementUrl }: PrivateRabbitmq, path: string): Promise<Response> =>
  fetch(`${managementUrl}/api${path}`, { headers: { authorization: `Basic ${btoa('guest:guest')}` } });

describe('a private RabbitMQ', () => {
  let rabbitmq: PrivateRabbitmq;
  beforeAll(async () => (rabbitmq = await startRabbitmq()), 180_000);
  afterAll(() => rabbitmq.stop());

  it('stores what plain amqplib publishes into a quorum queue, and tells of it by its HTTP API', async () => {
    const queue = uniqueName('orders');
    await publish(rabbitmq.url, queue, 'one', 'two');
    await until(async () => (await depth(rabbitmq.url, queue)) === 2);
    const answer = await ask(rabbitmq, `/queues/%2F/${queue}`);
    expect(await answer.json()).toMatchObject({ name: queue, type: 'quorum' });
  });

  it('keeps address and data over SIGKILL and over SIGTERM', async () => {
    const queue = uniqueName('orders');
    await publish(rabbitmq.url, queue, 'before');
    await sleep(REGISTERED_MS);
    for (const end of ['kill', 'shutdown'] as const) {
      const { pid } = rabbitmq;
      await rabbitmq[end]();
      expect([isAlive(pid), (await probeRabbitmq(rabbitmq.url)).ok]).toEqual([false, false]);
      await rabbitmq.restart();
      await until(async () => (await depth(rabbitmq.url, queue)) === 1);
    }
  }, 90_000);

  it('does not meet another one that starts beside it, and leaves nothing when it is stopped, no epmd either', async () => {
    const other = await startRabbitmq();
    const folder = dirname(other.logFile);
    expect(other.url).not.toBe(rabbitmq.url);
    const queue = uniqueName('orders');
    await publish(other.url, queue, 'x');
    expect((await ask(rabbitmq, `/queues/%2F/${queue}`)).status).toBe(404);
    // The server, its epmd, and the keeper of each; and what Erlang starts beside the server.
    expect(tracesOf([folder]).length).toBeGreaterThanOrEqual(4);
    await other.stop();
    await until(() => tracesOf([folder]).length === 0);
  }, 60_000);

  it('is shared through RABBITMQ_URL, and left running by the one who shares it', async () => {
    const shared = await useRabbitmq({ env: rabbitmq.env });
    expect(shared).toMatchObject({ source: 'listening', url: rabbitmq.url, env: rabbitmq.env });
    await shared.stop();
    expect(isAlive(rabbitmq.pid)).toBe(true);
  });

  it('is refused when RABBITMQ_URL names something else, with the address and what to do', async () => {
    const used = (url: string) => useRabbitmq({ env: { RABBITMQ_URL: url } });
    await expect(used('amqp://127.0.0.1:1')).rejects.toThrow(
      /^\[rabbitmq\] not available: RABBITMQ_URL is set, but 127\.0\.0\.1:1: .* unset RABBITMQ_URL/,
    );
    await expect(used('somewhere')).rejects.toThrow('RABBITMQ_URL is set, but it is no URL');
  });
});

describe('a program that dies without stopping its RabbitMQ', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'leaves no server, no epmd and no folder behind after %s',
    async (signal) => {
      const program = await loneProgram('./rabbitmq.mjs', 'startRabbitmq()', '[broker.logFile]');
      expect(tracesOf(program.folders).length).toBeGreaterThanOrEqual(4);
      await endBy(program, signal);
      await until(() => tracesOf(program.folders).length === 0);
    },
    60_000,
  );
});

describe('a secured RabbitMQ', () => {
  let rabbitmq: PrivateRabbitmq;
  let secure: Secure;
  beforeAll(async () => {
    rabbitmq = await startRabbitmq({ security: true });
    secure = rabbitmq.secure ?? raise('no secure listeners');
  }, 180_000);
  afterAll(() => rabbitmq.stop());

  async function login(url: string, options: object = {}, queue = uniqueName('allowed')): Promise<string> {
    const connection = await connect(url, options);
    connection.on('error', () => undefined);
    try {
      const channel = await connection.createChannel();
      const refused = new Promise<string>((resolve) => channel.on('error', (error: Error) => resolve(error.message)));
      const asserted = channel.assertQueue(queue, { exclusive: true }).then(() => 'in');
      return await Promise.race([asserted.catch(() => refused), refused]);
    } finally {
      await connection.close().catch(() => undefined);
    }
  }

  const ca = (): { ca: string[] } => ({ ca: [secure.certificates.ca.cert] });

  it('takes the right CA by TLS and refuses none and another', async () => {
    expect(await login(secure.tls, ca())).toBe('in');
    await expect(login(secure.tls)).rejects.toThrow(/self.signed|unable to verify/);
    const wrong = { ca: [secure.certificates.wrongCa.cert] };
    await expect(login(secure.tls, wrong)).rejects.toThrow(/self.signed|unable to verify/);
  });

  it('is refused by TLS with a certificate for another host although its CA is right', async () => {
    await expect(login(secure.wrongHost, ca())).rejects.toThrow(/altnames/);
    expect(await login(secure.wrongHost, { ...ca(), checkServerIdentity: () => undefined })).toBe('in');
  });

  it('takes our client by its certificate, and refuses none and a client of another CA', async () => {
    const { client, wrongClient } = secure.certificates;
    const by = ({ cert, key }: typeof client) => ({ ...ca(), cert, key, credentials: credentials.external() });
    expect(await login(secure.external, by(client))).toBe('in');
    await expect(login(secure.external, { ...ca(), credentials: credentials.external() })).rejects.toThrow();
    await expect(login(secure.external, by(wrongClient))).rejects.toThrow();
  });

  it('takes the user, and refuses a wrong password, a virtual host of others, and one that is not there', async () => {
    expect(await login(secure.as('alice'))).toBe('in');
    await expect(login(secure.as('wrongPassword'))).rejects.toThrow(/ACCESS_REFUSED|403/);
    // All that amqplib tells of these two.
    await expect(login(secure.as('wrongVhost'))).rejects.toThrow(/ConnectionClose/);
    await expect(login(secure.as('absentVhost'))).rejects.toThrow(/ConnectionClose/);
  });

  it('lets a limited user no further than allowed', async () => {
    expect(await login(secure.as('limited'))).toBe('in');
    expect(await login(secure.as('limited'), {}, uniqueName('other'))).toMatch(/ACCESS_REFUSED/);
  });

  it('is as secure after a restart, with the users it had', async () => {
    await rabbitmq.kill();
    await rabbitmq.restart();
    expect([await login(secure.tls, ca()), await login(secure.as('alice'))]).toEqual(['in', 'in']);
  }, 60_000);
});

function raise(sentence: string): never {
  throw new Error(sentence);
}
