import { setTimeout as pause } from 'node:timers/promises';
import { startRabbitmq, type RabbitmqCluster } from '../../tools/brokers/rabbitmq.mjs';
import { signal } from '../nest/boot.js';
import type { Action as ActionOn } from '../operator/operated.js';
import { RabbitmqScene, table } from './operated.js';
import { uniqueName } from './support.js';

/*
 * What an operator does while one application publishes and another consumes. After each action either messages go on, or health
 * is not `up` and a notice says what is wrong; when the operator has put it right, they flow again without a restart.
 */
const EVERYTHING = { configure: '.*', write: '.*', read: '.*' };
const NOTHING = '^$';
const PASSWORD = 'secret';

type Action = ActionOn<RabbitmqScene>;

let cluster: RabbitmqCluster;
async function api(method: string, path: string, body?: object): Promise<unknown> {
  const headers = { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' };
  const url = `${cluster.managementUrls[0]}/api/${path}`;
  const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await answer.text();
  if (!answer.ok && answer.status !== 404) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

const encoded = (queue: string): string => `%2F/${encodeURIComponent(queue)}`;
async function makeUser(user: string, password = PASSWORD): Promise<void> {
  await api('PUT', `users/${user}`, { password, tags: '' });
  await permit(user, {});
}
const permit = (user: string, rights: object): Promise<unknown> =>
  api('PUT', `permissions/%2F/${user}`, { ...EVERYTHING, ...rights });
const setPolicy = ({ topic, queue }: RabbitmqScene, definition: object): Promise<unknown> =>
  api('PUT', `policies/%2F/${topic}`, { pattern: `^${queue}$`, definition, 'apply-to': 'queues' });
const removePolicy = ({ topic }: RabbitmqScene): Promise<unknown> => api('DELETE', `policies/%2F/${topic}`);

/** Both applications have two each. n.b. the management page learns of a connection a little later. */
const CONNECTIONS = 3;
async function closeConnections({ service }: RabbitmqScene): Promise<void> {
  for (;;) {
    const all = (await api('GET', 'connections')) as { name: string; user_provided_name?: string }[];
    const ours = all.filter(({ user_provided_name: name = '' }) => name.startsWith(service));
    if (ours.length >= CONNECTIONS) {
      await Promise.all(ours.map(({ name }) => api('DELETE', `connections/${encodeURIComponent(name)}`)));
      return;
    }
    await pause(100);
  }
}

async function leaderOf({ queue }: RabbitmqScene): Promise<number> {
  const { leader } = (await api('GET', `queues/${encoded(queue)}`)) as { leader: string };
  return cluster.names.indexOf(leader);
}

let stopped: number[] = [];
const onLeader =
  (...command: string[]) =>
  async (scene: RabbitmqScene): Promise<void> => {
    const leader = await leaderOf(scene);
    stopped = [leader];
    await cluster.control(leader, ...command);
  };
const onStopped =
  (...command: string[]) =>
  async (): Promise<void> => {
    for (const node of stopped.splice(0)) await cluster.control(node, ...command);
  };
/** n.b. an alarm of one node stops the publishers of all. */
const onFirst =
  (...command: string[]) =>
  (): Promise<string> =>
    cluster.control(0, ...command);

const without = (right: keyof typeof EVERYTHING, close = closeConnections): Action => ({
  act: async (scene) => {
    await permit(scene.user, { [right]: NOTHING });
    await close(scene);
  },
  repair: ({ user }) => permit(user, {}),
});

/** Each with a queue, an exchange and a user of its own: they run side by side. */
const ACTIONS: Readonly<Record<string, Action>> = {
  'queue deleted': { act: ({ queue }) => api('DELETE', `queues/${encoded(queue)}`), destroys: true },
  'queue purged': { act: ({ queue }) => api('DELETE', `queues/${encoded(queue)}/contents`), destroys: true },
  'exchange deleted': { act: ({ exchange }) => api('DELETE', `exchanges/%2F/${exchange}`) },
  'binding removed': {
    act: ({ exchange, queue, topic }) =>
      api('DELETE', `bindings/%2F/e/${exchange}/q/${encodeURIComponent(queue)}/${topic}`),
  },
  'policy max-length with reject-publish, on another queue of the topic that nobody reads': {
    act: async ({ exchange, topic }) => {
      const arguments_ = { 'x-queue-type': 'quorum' };
      await api('PUT', `queues/%2F/audit:${topic}`, { durable: true, arguments: arguments_ });
      await api('POST', `bindings/%2F/e/${exchange}/q/audit:${topic}`, { routing_key: topic });
      const definition = { 'max-length': 1, overflow: 'reject-publish' };
      await api('PUT', `policies/%2F/${topic}`, { pattern: `^audit:${topic}$`, definition, 'apply-to': 'queues' });
    },
    repair: removePolicy,
  },
  'policy message-ttl': {
    act: (scene) => setPolicy(scene, { 'message-ttl': 1_000 }),
    repair: removePolicy,
    destroys: true,
  },
  'policy expires': { act: (scene) => setPolicy(scene, { expires: 1_000 }), repair: removePolicy },
  'right to read taken, connections closed': without('read'),
  'right to write taken, connections closed': without('write'),
  'right to configure taken, connections closed': without('configure'),
  'right to write taken while connected': without('write', async () => undefined),
  'right to read taken while connected': without('read', async () => undefined),
  'password changed, connections closed': {
    act: async (scene) => {
      await makeUser(scene.user, 'another');
      await closeConnections(scene);
    },
    repair: ({ user }) => makeUser(user),
  },
  'user deleted, and recreated': {
    act: ({ user }) => api('DELETE', `users/${user}`),
    repair: ({ user }) => makeUser(user),
  },
  'connections closed': { act: closeConnections },
};

/** They concern the whole cluster: one after the other. */
const OF_THE_CLUSTER: Readonly<Record<string, Action>> = {
  'memory alarm': {
    act: onFirst('set_vm_memory_high_watermark', '0'),
    repair: onFirst('set_vm_memory_high_watermark', '0.4'),
  },
  'disk alarm': { act: onFirst('set_disk_free_limit', '900000GB'), repair: onFirst('set_disk_free_limit', '50MB') },
  'queue leaders rebalanced': { act: () => api('POST', 'rebalance/queues/') },
  'leader node stopped (stop_app), and started': { act: onLeader('stop_app'), repair: onStopped('start_app') },
  'leader node drained, and revived': {
    act: onLeader('eval', 'rabbit_maintenance:drain().'),
    repair: onStopped('eval', 'rabbit_maintenance:revive().'),
  },
};

/** What the server still has to do after a queue was declared, before a node may be killed (tools/brokers/rabbitmq.mjs). */
const QUEUES_ARE_WRITTEN_MS = 2_500;
/** The management requests go to the first node: it stays. */
const VICTIMS = [1, 2];
/** Resolves for all when so many have come. */
function meeting(members: number): () => Promise<void> {
  const { came, give } = signal();
  let count = 0;
  return () => {
    if (++count === members) give();
    return came;
  };
}
const once = (work: () => Promise<unknown>): (() => Promise<unknown>) => {
  let done: Promise<unknown> | undefined;
  return () => (done ??= work());
};

async function operate(name: string, action: Action, url: readonly string[] = cluster.urls): Promise<void> {
  const username = uniqueName('service');
  await makeUser(username);
  const scene = new RabbitmqScene({ url, username, password: PASSWORD });
  try {
    await scene.start();
    await scene.expectNeverDeaf(name, action);
  } finally {
    await action.repair?.(scene);
    await scene.close();
  }
}

beforeAll(async () => {
  cluster = await startRabbitmq({ nodes: 3, config: { collect_statistics_interval: '500' } });
}, 180_000);
afterAll(() => {
  table.save();
  return cluster?.stop();
});

describe('an application is never deaf while it is up:', () => {
  describe('what concerns one service', () => {
    const settled = new Map<string, Promise<Error | undefined>>();
    beforeAll(() => {
      for (const [name, action] of Object.entries(ACTIONS)) {
        settled.set(
          name,
          operate(name, action).then(
            () => undefined,
            (error: unknown) => error as Error,
          ),
        );
      }
    });
    afterAll(() => Promise.all(settled.values()), 240_000);

    test.each(Object.keys(ACTIONS))(
      '%s',
      async (name) => {
        const failure = await settled.get(name);
        if (failure !== undefined) throw failure;
      },
      240_000,
    );
  });

  describe('what concerns the whole cluster', () => {
    test.each(Object.entries(OF_THE_CLUSTER))('%s', (name, action) => operate(name, action), 240_000);

    test('quorum queue without a majority', async () => {
      const kill = once(async () => {
        await pause(QUEUES_ARE_WRITTEN_MS);
        await Promise.all(VICTIMS.map((node) => cluster.kill(node)));
      });
      const start = once(() => Promise.all(VICTIMS.map((node) => cluster.restart(node))));
      const [started, reported] = [meeting(2), meeting(2)];
      const action = {
        act: () => started().then(kill),
        repair: () => reported().then(start),
        stopsBoth: true,
      };
      await Promise.all([
        operate('quorum queue without a majority', action),
        operate('quorum queue without a majority, seen from the node that is left', action, cluster.urls.slice(0, 1)),
      ]);
    }, 240_000);
  });
});
