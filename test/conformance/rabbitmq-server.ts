import { setTimeout as pause } from 'node:timers/promises';
import { rabbitmq, type RabbitmqOptions } from 'nest-transport/rabbitmq';
import { runConformance } from 'nest-transport/testing';
import { startRabbitmq, type PrivateRabbitmq } from '../brokers/rabbitmq.mjs';
import { lingeringOn } from './rabbitmq-leftovers.js';
import { saveReport } from './reports.js';

// n.b. RabbitMQ 3.10 loses a queue that is less than a second or two old when it is killed (test/brokers/rabbitmq.mjs).
const QUEUES_ARE_WRITTEN_MS = 2_500;

/**
 * The whole suite with these options, on one server of its own: it is killed once, and its management page tells what is
 * left over.
 */
export function runOnRabbitmq(name: string, options: Omit<RabbitmqOptions, 'url'> = {}): void {
  let server: PrivateRabbitmq | undefined;
  beforeAll(async () => void (server = await startRabbitmq()), 120_000);
  afterAll(() => server?.stop());
  const createBroker = () => rabbitmq({ url: server?.url ?? 'amqp://localhost', ...options });
  runConformance(
    { describe, test, afterEach, afterAll },
    {
      name,
      createBroker,
      restartable: { createBroker, restart: () => pause(QUEUES_ARE_WRITTEN_MS).then(() => server?.restart()) },
      absentBroker: () => rabbitmq({ url: 'amqp://127.0.0.1:1', ...options }),
      refusedTopic: 'orders.#',
      leftovers: () => lingeringOn(server?.managementUrl ?? ''),
      ...(name === 'rabbitmq' ? { onReport: saveReport } : {}),
    },
  );
}
