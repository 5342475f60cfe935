import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import { isAlive } from '../../scripts/lib/lock.mjs';
import { endBy, loneProgram, tracesOf, until } from './lone-program.js';
import { uniqueName } from './names.mjs';
import { probeRabbitmq } from './rabbitmq/probe.mjs';
import { startRabbitmq, useRabbitmq, type PrivateRabbitmq } from './rabbitmq.mjs';

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
