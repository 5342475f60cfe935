import { setTimeout as pause } from 'node:timers/promises';
import { rabbitmq, type RabbitmqOptions } from 'nest-transport/rabbitmq';
import { runConformance } from 'nest-transport/conformance';
import { startRabbitmq } from '../brokers/rabbitmq.mjs';
import { lingeringOn } from './rabbitmq-leftovers.js';
import { saveReport } from './reports.js';

// n.b. RabbitMQ 3.10 loses a queue that is less than a second or two old when it is killed (test/brokers/rabbitmq.mjs).
const QUEUES_ARE_WRITTEN_MS = 2_500;

/**
 * What docs/drivers/rabbitmq.md lists as needed ("Permissions"), for groups that begin with `members-`. The topics begin with
 * `conformance-`, those for answers with `members-`: exchanges, where the type is fanout.
 */
const OWN = 'nest-transport(\\.dead-letter)?|(conformance|members)-[^:]*|delayed:.*';
/** Of the service's groups, and of calls for dead letters. */
const QUEUES = '(members-[^:]*|dead-letter-admin)';
const RIGHTS = {
  configure: `^(${OWN}|${QUEUES}:.*|held:.*)$`,
  write: `^(amq\\.default|${OWN}|${QUEUES}:[^:]*)$`,
  read: `^(${OWN}|${QUEUES}:.*|held:.*)$`,
};
const USER = { name: 'service', password: 'service-secret' };

/** Where the suite runs. */
interface Scene {
  readonly urls: readonly string[];
  readonly managementUrl: string;
  /** Kills a server, hard, and brings it back. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** @param nodes 1: a server alone */
async function startScene(nodes: number): Promise<Scene> {
  if (nodes === 1) {
    const { url, managementUrl, restart, stop } = await startRabbitmq();
    return { urls: [url], managementUrl, restart, stop };
  }
  const cluster = await startRabbitmq({ nodes });
  const [managementUrl = ''] = cluster.managementUrls;
  return { urls: cluster.urls, managementUrl, restart: () => cluster.restart(0), stop: cluster.stop };
}

/** What an administrator does before the service starts for the first time. */
async function makeUser(managementUrl: string): Promise<void> {
  await put(managementUrl, `users/${USER.name}`, { password: USER.password, tags: '' });
  await put(managementUrl, `permissions/%2F/${USER.name}`, RIGHTS);
}

async function put(managementUrl: string, path: string, body: object): Promise<void> {
  const headers = { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' };
  const answer = await fetch(`${managementUrl}/api/${path}`, { method: 'PUT', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`PUT ${path} answered ${answer.status}: ${await answer.text()}`);
}

/**
 * The whole suite with these options and a user who has no right more than the docs list, on servers of its own: one of them is
 * killed once, and the management page says what is left over.
 */
export function runOnRabbitmq(name: string, nodes: number, options: Omit<RabbitmqOptions, 'url'> = {}): void {
  let scene: Scene | undefined;
  beforeAll(async () => {
    scene = await startScene(nodes);
    await makeUser(scene.managementUrl);
  }, 180_000);
  afterAll(() => scene?.stop());
  const login = { username: USER.name, password: USER.password };
  const createBroker = () => rabbitmq({ url: scene?.urls ?? 'amqp://localhost', ...login, ...options });
  runConformance(
    { describe, test, afterEach, afterAll },
    {
      name,
      createBroker,
      restartable: { createBroker, restart: () => pause(QUEUES_ARE_WRITTEN_MS).then(() => scene?.restart()) },
      unreachableBroker: () => rabbitmq({ url: 'amqp://127.0.0.1:1', ...options }),
      refusedTopic: 'orders.#',
      leftovers: () => lingeringOn(scene?.managementUrl ?? ''),
      ...(name === 'rabbitmq' ? { onReport: saveReport } : {}),
    },
  );
}
