import { Controller, Module } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import { setTimeout as pause } from 'node:timers/promises';
import {
  createTransportApp,
  Notices,
  Publisher,
  Subscribe,
  TransportHealth,
  TransportModule,
  type MessageContext,
  type NoticeMap,
} from 'nest-transport';
import { nsq as nsqBroker, type NsqOptions } from 'nest-transport/nsq';
import { NsqdAdmin, NsqProducer } from 'nest-transport/nsq/client';
import { startNsq, type NsqCluster, type PrivateNsq } from '../../tools/brokers/nsq.mjs';
import { startAuthServer, type AuthServer, type Grant } from '../../tools/brokers/nsq/auth-server.mjs';
import { OperatorTable } from '../operator/table.js';
import { afterwards, closeAll, uniqueName, until } from './support.js';

const GROUP = 'operated';
/** Within this time either messages go on, or health and a notice say what is wrong. A loaded machine may take longer. */
const LIMIT_MS = 60_000;
const quick = { lookupIntervalMs: 500, heartbeatIntervalMs: 1_000, requestTimeoutMs: 1_000 };

const table = new OperatorTable('NSQ');
const secondsSince = (startMs: number): string => ((performance.now() - startMs) / 1_000).toFixed(1);

afterAll(() => table.save());

/** A service that consumes and publishes, and what a user sees of it. */
class Operated {
  readonly topic = uniqueName('operator');
  readonly handled = new Set<string>();
  readonly warnings: string[] = [];
  /** Those of `broker:warned`. */
  readonly ofBroker: string[] = [];
  readonly #nsqds: () => readonly string[];
  readonly #probeSecret: string | undefined;
  #health: TransportHealth | undefined;
  #publisher: Publisher | undefined;

  constructor(nsqds: () => readonly string[], probeSecret?: string) {
    this.#nsqds = nsqds;
    this.#probeSecret = probeSecret;
  }

  async start(options: NsqOptions): Promise<this> {
    const { topic, handled } = this;
    @Controller()
    class Orders {
      @Subscribe(topic, { group: GROUP })
      take(@Ctx() { id }: MessageContext): void {
        handled.add(id);
      }
    }
    const broker = nsqBroker({ ...quick, ...options });
    @Module({
      imports: [TransportModule.forRoot({ service: 'operated', broker, logger: false })],
      controllers: [Orders],
    })
    class App {}
    const app = await createTransportApp(App, { http: false, exitOnSignal: false, logger: false });
    afterwards(() => app.close());
    this.#listen(app.get(Notices));
    await app.listen();
    this.#health = app.get(TransportHealth);
    this.#publisher = app.get(Publisher);
    return this;
  }

  #listen(notices: Notices): void {
    const note = ({ error, warning }: { error?: Error; warning?: string }): void =>
      void this.warnings.push(error?.message ?? warning ?? '');
    for (const name of ['broker:unreachable', 'subscription:crashed', 'publish:failed'] as const) {
      notices.on(name, (notice: NoticeMap[typeof name]) => note(notice));
    }
    notices.on('broker:warned', note);
    notices.on('broker:warned', ({ warning }) => this.ofBroker.push(warning));
    notices.on('subscription:warned', note);
  }

  get isUp(): boolean {
    return this.#health?.status === 'up';
  }

  get problems(): string {
    return (
      this.#health
        ?.report()
        .brokers.flatMap(({ problems }) => problems)
        .join(' ') ?? ''
    );
  }

  /** True when a message that is published now at each nsqd is handled: sent again while an nsqd does not take it. */
  async flows(): Promise<boolean> {
    const probes = this.#nsqds().map((nsqd) => this.#probe(nsqd));
    return (await Promise.all(probes)).every((isHandled) => isHandled);
  }

  async #probe(nsqd: string): Promise<boolean> {
    const id = uniqueName('probe');
    const event = { specversion: '1.0', id, source: '/test', type: this.topic, data: {} };
    const secret = this.#probeSecret === undefined ? {} : { authSecret: this.#probeSecret };
    const patience = { connectionTimeoutMs: 1_000, requestTimeoutMs: 1_000 };
    const producer = new NsqProducer({ nsqd: [nsqd], ...patience, ...secret });
    try {
      await producer.publish(this.topic, JSON.stringify(event));
    } catch {
      return false;
    } finally {
      await producer.close();
    }
    const deadline = performance.now() + 2_000;
    while (!this.handled.has(id) && performance.now() < deadline) await pause(20);
    return this.handled.has(id);
  }

  publish() {
    return (this.#publisher as Publisher).publish(this.topic, {});
  }

  /** Publishes as the application does, and waits until that is handled. */
  async publishes(): Promise<void> {
    const { id } = await this.publish();
    await until('what the application publishes is handled', () => this.handled.has(id), LIMIT_MS);
  }
}

/** Does something, and judges: messages go on at every nsqd, or health is not up and a notice says why. */
async function judge(app: Operated, action: string, act: () => Promise<unknown>): Promise<'goes on' | 'reported'> {
  const before = app.warnings.length;
  const start = performance.now();
  await act();
  for (;;) {
    if (await app.flows()) {
      table.add(action, 'goes on', secondsSince(start));
      return 'goes on';
    }
    const warning = app.warnings.slice(before).at(-1);
    if (!app.isUp && warning !== undefined) {
      table.add(action, `reported: ${app.problems.slice(0, 120)}`, secondsSince(start));
      return 'reported';
    }
    const state = `deaf: health is ${app.isUp ? 'up' : 'not up'}, notice: ${warning ?? 'none'}`;
    if (performance.now() - start > LIMIT_MS) throw new Error(`${action}: ${state}`);
  }
}

/** Puts it right, and waits until messages flow again without a restart of the application. */
async function putRight(app: Operated, action: string, act: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await act();
  await until('messages flow', () => app.flows(), LIMIT_MS);
  table.add(action, 'goes on', secondsSince(start));
  await isWhole(app);
}

async function isWhole(app: Operated): Promise<void> {
  await until('messages flow', () => app.flows(), LIMIT_MS);
  await app.publishes();
  await until('health is up', () => app.isUp, 2 * LIMIT_MS);
}

describe('while an operator works at two nsqd and two nsqlookupd, an application', () => {
  const flags: Record<string, string | number> = { 'mem-queue-size': 0, 'sync-every': 1 };
  let cluster: NsqCluster;
  let app: Operated;
  beforeAll(async () => void (cluster = await startNsq({ nsqd: 2, lookupd: 2, flags })), 180_000);
  afterAll(() => cluster.stop());
  const lookupds = () => cluster.env.NSQLOOKUPD_HTTP.split(',').map((http) => `http://${http}`);
  const admins = () => cluster.nodes.map(({ http }) => new NsqdAdmin(`http://${http}`));
  const first = () => admins()[0] as NsqdAdmin;
  const everywhere = (act: (admin: NsqdAdmin) => Promise<unknown>) => Promise.all(admins().map(act));

  beforeEach(async () => {
    app = new Operated(() => cluster.nodes.map(({ tcp }) => tcp));
    await everywhere((admin) => admin.createChannel(app.topic, GROUP));
    await app.start({ lookupd: lookupds() });
    await until('messages flow', () => app.flows(), LIMIT_MS);
  }, 120_000);
  afterEach(closeAll);

  /** What an operator does, and how it is undone. */
  const pauses = {
    'a channel is paused at one nsqd': [
      () => first().pauseChannel(app.topic, GROUP),
      () => first().unpauseChannel(app.topic, GROUP),
    ],
    'a topic is paused at one nsqd': [() => first().pauseTopic(app.topic), () => first().unpauseTopic(app.topic)],
    'a nsqd is killed and stays away': [() => cluster.kill(0), () => cluster.restart(0)],
  } as const;
  it.each(Object.entries(pauses))(
    'reports it when %s, and goes on when that is over',
    async (action, [act, undo]) => {
      try {
        expect(await judge(app, action, act)).toBe('reported');
      } finally {
        await putRight(app, `${action}: undone`, undo);
      }
    },
    240_000,
  );

  const harmless: Record<string, () => Promise<unknown>> = {
    'the channel is deleted (nsqd closes the connections)': () =>
      everywhere((admin) => admin.deleteChannel(app.topic, GROUP)),
    'the topic is deleted': () => everywhere((admin) => admin.deleteTopic(app.topic)),
    'the topic is deleted and created again': async () => {
      await everywhere((admin) => admin.deleteTopic(app.topic));
      await everywhere((admin) => admin.createChannel(app.topic, GROUP));
    },
    'the channel is emptied': () => everywhere((admin) => admin.emptyChannel(app.topic, GROUP)),
    'a nsqd is restarted': async () => {
      await cluster.nodes[0]?.shutdown();
      await cluster.restart(0);
    },
    'all nsqd are restarted': () => Promise.all([cluster.restart(0), cluster.restart(1)]),
    'a nsqd is tombstoned for the topic': () => tombstone(cluster, lookupds(), app.topic),
    'a nsqlookupd is restarted': () => cluster.lookupds.restart(0),
    'all nsqlookupd are restarted, and know nothing at first': () =>
      Promise.all([cluster.lookupds.restart(0), cluster.lookupds.restart(1)]),
    'a nsqd is added': () => cluster.addNode(),
  };
  it.each(Object.entries(harmless))(
    'goes on when %s',
    async (action, act) => {
      await judge(app, action, act);
      await isWhole(app);
    },
    240_000,
  );

  it('goes on when all nsqlookupd are away, reports it, and is well when they are back', async () => {
    try {
      expect(await judge(app, 'all nsqlookupd are away', () => lookupsAway(cluster))).toBe('goes on');
      await until(
        'a notice says so',
        () => app.warnings.some((warning) => warning.includes('did not answer')),
        LIMIT_MS,
      );
      expect(app.isUp).toBe(false);
    } finally {
      const back = () => Promise.all([cluster.lookupds.restart(0), cluster.lookupds.restart(1)]);
      await putRight(app, 'all nsqlookupd are back', back);
    }
  }, 240_000);

  it('goes on when nsqd are restarted with -max-rdy-count 1', async () => {
    flags['max-rdy-count'] = 1;
    // n.b. what was settled a moment before a connection ends counts as possibly lost, and health says so for a minute.
    const restarted = () => pause(200).then(() => Promise.all(cluster.nodes.map((_, node) => cluster.restart(node))));
    try {
      await judge(app, 'nsqd are restarted with -max-rdy-count 1', restarted);
      await until('messages flow', () => app.flows(), LIMIT_MS);
    } finally {
      delete flags['max-rdy-count'];
      await putRight(app, 'nsqd are restarted with the old -max-rdy-count', restarted);
    }
  }, 240_000);
});

describe('while an operator changes what an auth server grants, an application', () => {
  const ALL: readonly Grant[] = [{ topic: '.*', channels: ['.*'], permissions: ['subscribe', 'publish'] }];
  const PROBE = 'probe-secret';
  let grants: readonly Grant[] | undefined = ALL;
  let authServer: AuthServer;
  let nsq: PrivateNsq;
  let app: Operated;
  beforeAll(async () => {
    authServer = await startAuthServer({ ttlSeconds: 1, grantsOf: (secret) => (secret === PROBE ? ALL : grants) });
    nsq = await startNsq({ nodes: 2, flags: { 'auth-http-address': authServer.address, 'mem-queue-size': 0 } });
  }, 180_000);
  afterAll(async () => {
    await nsq.stop();
    await authServer.stop();
  });
  beforeEach(async () => {
    grants = ALL;
    app = new Operated(() => nsq.nodes.map(({ tcp }) => tcp), PROBE);
    await app.start({ nsqd: nsq.nodes.map(({ tcp }) => tcp), authSecret: 'application-secret' });
    await until('messages flow', () => app.flows(), LIMIT_MS);
  }, 120_000);
  afterEach(closeAll);

  const withdrawn: Record<string, readonly Grant[] | undefined> = {
    'the right to subscribe is withdrawn, and a nsqd restarted': [
      { topic: '.*', channels: ['.*'], permissions: ['publish'] },
    ],
    'the login is removed, and a nsqd restarted': undefined,
  };
  it.each(Object.entries(withdrawn))(
    'reports it when %s, and goes on when it is given back',
    async (action, left) => {
      const withdraw = () => {
        grants = left;
        return nsq.nodes[0]?.restart() ?? Promise.resolve();
      };
      try {
        expect(await judge(app, action, withdraw)).toBe('reported');
        expect(app.problems).toMatch(/E_UNAUTHORIZED|E_AUTH/);
      } finally {
        const giveBack = () => Promise.resolve((grants = ALL));
        await putRight(app, `${action}: given back`, giveBack);
      }
    },
    240_000,
  );

  it('is degraded and warned of once when the right to publish is withdrawn, goes on consuming, and is well when it is given back', async () => {
    const action = 'the right to publish is withdrawn';
    const ofPublishing = () => app.ofBroker.filter((warning) => warning.includes('cannot publish'));
    const withdraw = () => Promise.resolve((grants = [{ topic: '.*', channels: ['.*'], permissions: ['subscribe'] }]));
    expect(await judge(app, action, withdraw)).toBe('goes on');
    const rejected = () =>
      app.publish().then(
        () => false,
        ({ code }) => code === 'TRANSPORT_AUTHORIZATION_FAILED',
      );
    // n.b. nsqd relies on what the auth server said for a second.
    await until('publishes are rejected', async () => (await rejected()) && (await rejected()), LIMIT_MS);
    // n.b. nsqd closes the connection for it, which is back a moment later.
    await until('nothing else is wrong', () => /^\[nsq\] cannot publish to [^[]*$/.test(app.problems), LIMIT_MS);
    expect(app.isUp).toBe(false);
    expect(app.problems).toContain(`"${app.topic}"`);
    const [first, ...more] = ofPublishing();
    expect(first).toContain('E_UNAUTHORIZED');
    // n.b. the other nsqd may have relied on it a little longer.
    expect(more.length).toBeLessThan(2);
    for (let n = 0; n < 3; n++) expect(await rejected()).toBe(true);
    expect(ofPublishing()).toEqual([first, ...more]);
    const giveBack = () => {
      grants = ALL;
      return until('a publish is permitted', async () => !(await rejected()), LIMIT_MS);
    };
    await putRight(app, `${action}: given back`, giveBack);
  }, 240_000);
});

const lookupsAway = (cluster: NsqCluster) => Promise.all([cluster.lookupds.kill(0), cluster.lookupds.kill(1)]);

async function tombstone(cluster: NsqCluster, lookupds: readonly string[], topic: string): Promise<void> {
  const node = cluster.nodes[0]?.http ?? '';
  for (const lookupd of lookupds) {
    const answer = await fetch(`${lookupd}/topic/tombstone?${new URLSearchParams({ topic, node })}`, {
      method: 'POST',
    });
    expect(answer.status).toBe(200);
  }
}
