import { setTimeout as pause } from 'node:timers/promises';
import type { ConsumerUpdateConfig } from '@nats-io/jetstream';
import type { NatsOptions } from 'nest-transport/nats';
import { startNats, type NatsCluster, type PrivateNats } from '../../tools/brokers/nats.mjs';
import type { Action as ActionOn } from '../operator/operated.js';
import { NatsScene, table, type Plan } from './operated.js';

/*
 * What an operator does while one application publishes and another consumes. After each action either messages go on, or health
 * is not `up` and a notice says what is wrong; when the operator has put it right, they flow again without a restart.
 */
type Action = ActionOn<NatsScene>;
let cluster: NatsCluster;
let guarded: PrivateNats;

const updateConsumer = async (scene: NatsScene, changes: Partial<ConsumerUpdateConfig>): Promise<void> =>
  void (await scene.jsm.consumers.update(scene.stream, await scene.consumer(), changes));
const updateStream = async (scene: NatsScene, changes: object): Promise<void> =>
  void (await scene.jsm.streams.update(scene.stream, changes));
const consumerChanged = (changes: object, back?: object): Action => ({
  act: (scene) => updateConsumer(scene, changes),
  ...(back === undefined ? {} : { repair: (scene: NatsScene) => updateConsumer(scene, back) }),
});
const nanos = (ms: number): number => ms * 1_000_000;

const stepDown = async (scene: NatsScene): Promise<void> =>
  scene.request(`CONSUMER.LEADER.STEPDOWN.${scene.stream}.${await scene.consumer()}`);
interface SceneOptions {
  /** The driver may create streams. @default false */
  readonly provision?: boolean;
  readonly pattern?: string;
}
type Edit = Action & { readonly scene?: SceneOptions };

/** Each has a stream and a consumer of its own: they run side by side. */
const ACTIONS: Readonly<Record<string, Edit>> = {
  'stream purged': { act: (scene) => scene.jsm.streams.purge(scene.stream), destroys: true },
  'stream deleted, which the driver may not create': {
    act: (scene) => scene.jsm.streams.delete(scene.stream),
    repair: (scene) => scene.makeStream(),
    destroys: true,
    stopsBoth: true,
  },
  'stream deleted, which the driver may create': {
    act: (scene) => scene.jsm.streams.delete(scene.stream),
    destroys: true,
    scene: { provision: true },
  },
  'stream deleted and recreated': {
    act: async (scene) => {
      await scene.jsm.streams.delete(scene.stream);
      await scene.makeStream();
    },
    destroys: true,
  },
  'subject removed from the stream': {
    act: (scene) => updateStream(scene, { subjects: [`${scene.base}.other`] }),
    repair: (scene) => updateStream(scene, { subjects: [scene.topic] }),
    stopsBoth: true,
  },
  'subject added to a stream that a pattern reads': {
    act: async (scene) => {
      const added = `${scene.base}.b`;
      await updateStream(scene, { subjects: [scene.topic, added] });
      scene.topic = added;
    },
    scene: { pattern: '*' },
  },
  'consumer deleted': {
    act: async (scene) => scene.jsm.consumers.delete(scene.stream, await scene.consumer()),
  },
  'ack_wait lowered': consumerChanged({ ack_wait: nanos(1_000) }),
  'max_ack_pending lowered': consumerChanged({ max_ack_pending: 1 }),
  'max_deliver lowered': { ...consumerChanged({ max_deliver: 1 }), warns: true },
  'headers_only set': consumerChanged({ headers_only: true }, { headers_only: false }),
  'delivery paused': {
    act: async (scene) => {
      const until = new Date(Date.now() + 600_000);
      await scene.jsm.consumers.pause(scene.stream, await scene.consumer(), until);
    },
    repair: async (scene) => scene.jsm.consumers.resume(scene.stream, await scene.consumer()),
  },
  'max_msgs reached with discard new': {
    act: (scene) => updateStream(scene, { max_msgs: 1, discard: 'new' }),
    repair: (scene) => updateStream(scene, { max_msgs: -1 }),
  },
  'stream leader steps down': { act: (scene) => scene.request(`STREAM.LEADER.STEPDOWN.${scene.stream}`) },
  'consumer leader steps down': { act: stepDown },
  'replicas 3, 1, 3': {
    act: async (scene) => {
      await updateStream(scene, { num_replicas: 1 });
      await pause(1_000);
      await updateStream(scene, { num_replicas: 3 });
    },
  },
};

/** One user each, on one server. */
const RIGHTS: Readonly<Record<string, object>> = {
  'right to request messages': { publish: { deny: ['$JS.API.CONSUMER.MSG.NEXT.>'] } },
  'right to acknowledge': { publish: { deny: ['$JS.ACK.>'] } },
  'right to subscribe to inboxes': { subscribe: { deny: ['_INBOX.>'] } },
  'right to look at consumers': { publish: { deny: ['$JS.API.CONSUMER.INFO.>'] } },
};
const PASSWORD = 'secret';
const ADMIN = 'admin';
const userOf = (right: string): string => right.replaceAll(' ', '-');

/** What each user may not do. */
const denied = new Map<string, object>([ADMIN, ...Object.keys(RIGHTS).map(userOf)].map((user) => [user, {}]));
const configOf = (more: object = {}) => {
  const users = [...denied].map(([user, permissions]) => ({ user, password: PASSWORD, permissions }));
  return { authorization: { users }, ...more };
};
async function deny(user: string, permissions: object): Promise<void> {
  denied.set(user, permissions);
  await guarded.reload(configOf());
}

const onCluster = ({ provision = false, ...more }: SceneOptions = {}): Plan => {
  const options: NatsOptions = { servers: cluster.urls, provision: provision ? {} : false, ackWaitMs: 5_000 };
  return { publisher: options, consumer: options, stream: { num_replicas: 3 }, ...more };
};
const onGuarded = (user: string): Plan => {
  const options: NatsOptions = { servers: [guarded.url], provision: false, ackWaitMs: 5_000 };
  return {
    publisher: { ...options, auth: { user: ADMIN, password: PASSWORD } },
    consumer: { ...options, auth: { user, password: PASSWORD } },
  };
};

async function operate(name: string, action: Action, plan: Plan): Promise<void> {
  const scene = new NatsScene(plan);
  try {
    await scene.start();
    await scene.expectNeverDeaf(name, action);
  } finally {
    await Promise.resolve(action.repair?.(scene)).catch(() => undefined);
    await scene.close();
  }
}

async function takeRight(right: string): Promise<void> {
  const user = userOf(right);
  const action: Action = { act: () => deny(user, RIGHTS[right] ?? {}), repair: () => deny(user, {}) };
  await operate(`${right} taken`, action, onGuarded(user));
}

/** Starts all at once; each test waits for its own. */
function sideBySide(names: readonly string[], run: (name: string) => Promise<void>): void {
  const settled = new Map<string, Promise<Error | undefined>>();
  beforeAll(() => {
    for (const name of names)
      settled.set(
        name,
        run(name).then(
          () => undefined,
          (error: Error) => error,
        ),
      );
  });
  afterAll(() => Promise.all(settled.values()), 240_000);
  test.each(names)(
    '%s',
    async (name) => {
      const failure = await settled.get(name);
      if (failure !== undefined) throw failure;
    },
    240_000,
  );
}

beforeAll(async () => {
  const lameDuck = { lame_duck_duration: '30s', lame_duck_grace_period: '1s' };
  [cluster, guarded] = await Promise.all([
    startNats({ nodes: 3, config: lameDuck }),
    startNats({ config: configOf() }),
  ]);
}, 180_000);
afterAll(() => {
  table.save();
  return Promise.all([cluster?.stop(), guarded?.stop()]);
});

/** As a supervisor does, when it has ended. */
async function lameDuck(node: number): Promise<void> {
  process.kill(cluster.nodes[node]?.pid ?? 0, 'SIGUSR2');
  await pause(8_000);
  await cluster.restart(node);
}

describe('an application is never deaf while it is up:', () => {
  describe('streams, consumers and leaders', () => {
    sideBySide(Object.keys(ACTIONS), async (name) => {
      const { scene, ...action } = ACTIONS[name] as Edit;
      await operate(name, action, onCluster(scene));
    });
  });

  describe('rights of the user', () => {
    sideBySide(Object.keys(RIGHTS), takeRight);
  });

  describe('servers', () => {
    test('connection limit reached', async () => {
      const action: Action = {
        act: () => guarded.reload(configOf({ max_connections: 1 })),
        repair: () => guarded.reload(configOf()),
      };
      await operate('connection limit reached', action, onGuarded(ADMIN));
    }, 240_000);

    test(
      'node in lame duck mode, and started again',
      () => operate('node in lame duck mode, and started again', { act: () => lameDuck(0) }, onCluster()),
      240_000,
    );

    test('all nodes killed and started, one by one', async () => {
      const act = async (): Promise<void> => {
        for (const node of [0, 1, 2]) await cluster.restart(node);
      };
      await operate('all nodes killed and started, one by one', { act }, onCluster());
    }, 240_000);
  });
});
