import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isAlive } from '../../scripts/lib/lock.mjs';
import { endBy, loneProgram, tracesOf, until } from './lone-program.js';
import { uniqueName } from '../../tools/brokers/names.mjs';
import {
  prepareNsq,
  startNsq,
  useNsq,
  type NsqNode,
  type PrivateNsq,
  type StartOptions,
} from '../../tools/brokers/nsq.mjs';
import { probeNsqd } from '../../tools/brokers/nsq/probe.mjs';

interface Stats {
  topics: { topic_name: string; depth: number }[];
}

async function publish(node: NsqNode, topic: string, body: string): Promise<void> {
  const answer = await fetch(`http://${node.http}/pub?topic=${topic}`, { method: 'POST', body });
  expect(await answer.text()).toBe('OK');
}

async function depth(node: NsqNode, topic: string): Promise<number> {
  const answer = await fetch(`http://${node.http}/stats?format=json&topic=${topic}`);
  return ((await answer.json()) as Stats).topics[0]?.depth ?? -1;
}

/**
 * n.b. nsqd answers a publish before it has written down its list of topics and, for each queue, how many messages there are and
 * where: killed in between, it comes back without the topic, or with an empty queue.
 */
async function isWrittenDown(node: NsqNode, topic: string, count: number): Promise<boolean> {
  const textOf = (name: string): Promise<string> => readFile(join(dirname(node.logFile), name), 'utf8').catch(() => '');
  const [topics, queue] = [await textOf('nsqd.dat'), await textOf(`${topic}.diskqueue.meta.dat`)];
  return topics.includes(topic) && Number(queue.split('\n', 1)[0]) === count;
}

/** Ports of the nodes that nsqlookupd names for a topic. */
async function producers(nsq: PrivateNsq, topic: string): Promise<number[]> {
  const answer = await fetch(`http://${nsq.lookupd.http}/lookup?topic=${topic}`);
  const found = (await answer.json()) as { producers?: { tcp_port: number }[] };
  return (found.producers ?? []).map(({ tcp_port }) => tcp_port).sort();
}

const portOf = (node: NsqNode | undefined): number => Number(node?.tcp.split(':')[1]);

function nodeAt(nsq: PrivateNsq, index: number): NsqNode {
  const node = nsq.nodes[index];
  if (node === undefined) throw new Error(`There is no node ${index}.`);
  return node;
}

describe('a private NSQ', () => {
  let nsq: PrivateNsq;
  beforeAll(async () => (nsq = await startNsq({ nodes: 2, flags: { 'mem-queue-size': 0, 'sync-every': 1 } })), 180_000);
  afterAll(() => nsq.stop());

  it('has nsqlookupd find a topic on the nodes that have it', async () => {
    const topic = uniqueName('orders');
    await publish(nodeAt(nsq, 0), topic, 'one');
    await publish(nodeAt(nsq, 1), topic, 'two');
    await until(async () => (await producers(nsq, topic)).length === 2);
    expect(await producers(nsq, topic)).toEqual(nsq.nodes.map(portOf).sort());
  });

  it('keeps address and data of each node over SIGKILL with the queue on disk, and over SIGTERM', async () => {
    const topic = uniqueName('orders');
    const node = nodeAt(nsq, 0);
    await publish(node, topic, 'before');
    await until(() => isWrittenDown(node, topic, 1));
    for (const end of ['kill', 'shutdown'] as const) {
      const { pid } = node;
      await node[end]();
      expect([isAlive(pid), (await probeNsqd(node.tcp)).ok, isAlive(nodeAt(nsq, 1).pid)]).toEqual([false, false, true]);
      await node.restart();
      expect([await depth(node, topic), await producers(nsq, topic)]).toEqual([1, [portOf(node)]]);
    }
  });

  it('takes one more node while it runs', async () => {
    const node = await nsq.addNode({ 'max-msg-size': 2_000 });
    const topic = uniqueName('orders');
    const answer = await fetch(`http://${node.http}/pub?topic=${topic}`, { method: 'POST', body: 'x'.repeat(3_000) });
    expect([answer.status, await answer.text()]).toEqual([413, expect.stringContaining('MSG_TOO_BIG')]);
    expect(nsq.env.NSQD_TCP.split(',')).toHaveLength(3);
  });

  it('does not meet another one that starts at the same time, and leaves nothing when it is stopped', async () => {
    const both = await Promise.all([startNsq(), startNsq()]);
    const folders = both.flatMap(({ nodes, lookupd }) => [...nodes, lookupd].map(({ logFile }) => dirname(logFile)));
    expect(new Set(both.flatMap(({ env }) => Object.values(env))).size).toBe(6);
    expect(tracesOf(folders).length).toBeGreaterThan(4);
    await Promise.all(both.map((one) => one.stop()));
    expect(tracesOf(folders)).toEqual([]);
  });

  it('is shared through its three variables, and left running by the one who shares it', async () => {
    const shared = await useNsq({ env: nsq.env });
    expect(shared).toMatchObject({ source: 'listening', env: nsq.env });
    await shared.stop();
    expect(isAlive(nsq.pid)).toBe(true);
  });

  it('is refused when a variable names something else, or when one of the three is absent', async () => {
    const { http = '' } = nodeAt(nsq, 0);
    await expect(useNsq({ env: { ...nsq.env, NSQD_TCP: http } })).rejects.toThrow(
      `[nsq] not available: NSQD_TCP is set, but ${http} speaks no NSQ. Start it, or unset NSQD_TCP, NSQD_HTTP`,
    );
    await expect(useNsq({ env: { NSQD_TCP: '127.0.0.1:1' } })).rejects.toThrow(
      'NSQD_TCP is set, but not NSQD_HTTP and NSQLOOKUPD_HTTP',
    );
  });
});

describe('a program that dies without stopping its NSQ', () => {
  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
    'leaves no server and no folder behind after %s',
    async (signal) => {
      const logFiles = '[...broker.nodes, broker.lookupd].map((node) => node.logFile)';
      const program = await loneProgram('./nsq.mjs', 'startNsq({ nodes: 2 })', logFiles);
      expect(tracesOf(program.folders).length).toBeGreaterThan(5);
      await endBy(program, signal);
      await until(() => tracesOf(program.folders).length === 0);
    },
  );
});

describe('a secured NSQ', () => {
  let nsq: PrivateNsq | undefined;
  let bin: string;
  beforeAll(async () => (bin = await prepareNsq()), 180_000);
  afterEach(() => nsq?.stop());

  async function start(options: StartOptions): Promise<PrivateNsq> {
    nsq = await startNsq(options);
    return nsq;
  }

  /** Publishes one message by NSQ's own client; its last words when it was not let in. */
  async function login(options: Record<string, string>): Promise<string> {
    const { tcp } = nodeAt(nsq as PrivateNsq, 0);
    const own = Object.entries(options).flatMap(([name, value]) => ['--producer-opt', `${name},${value}`]);
    const client = spawn(join(bin, 'to_nsq'), ['--nsqd-tcp-address', tcp, '--topic', uniqueName('orders'), ...own]);
    let words = '';
    for (const stream of [client.stdout, client.stderr]) stream.on('data', (chunk) => (words += String(chunk)));
    client.stdin.on('error', () => undefined).end('x\n');
    const [code] = (await once(client, 'close')) as [number];
    return code === 0 ? 'in' : words;
  }

  const trusting = (caFile: string): Record<string, string> => ({ tls_v1: 'true', tls_root_ca_file: caFile });

  it('by TLS takes the right CA, and refuses another and a client without TLS', async () => {
    const { certificates } = (await start({ tls: 'required' })).secure;
    expect(await login(trusting(certificates.ca.certFile))).toBe('in');
    expect(await login(trusting(certificates.wrongCa.certFile))).toMatch(/unknown authority/);
    expect(await login({})).toMatch(/E_INVALID|TLS/);
  });

  it('by TLS that is optional takes clients with it and without', async () => {
    const { certificates } = (await start({ tls: 'optional' })).secure;
    expect([await login(trusting(certificates.ca.certFile)), await login({})]).toEqual(['in', 'in']);
  });

  it('by TLS with a certificate for another host is refused although its CA is right', async () => {
    const { certificates } = (await start({ tls: 'wrong-host' })).secure;
    expect(await login(trusting(certificates.ca.certFile))).toMatch(/cannot validate certificate|not valid for/i);
  });

  it('by mutual TLS takes our client and refuses none and a client of another CA', async () => {
    const { ca, client, wrongClient } = (await start({ tls: 'mutual' })).secure.certificates;
    const by = ({ certFile, keyFile }: typeof client): Record<string, string> => ({
      ...trusting(ca.certFile),
      tls_cert: certFile,
      tls_key: keyFile,
    });
    expect(await login(by(client))).toBe('in');
    expect(await login(trusting(ca.certFile))).not.toBe('in');
    expect(await login(by(wrongClient))).not.toBe('in');
  });

  it('by AUTH takes the secret, refuses a wrong one and none, and one that may not publish', async () => {
    const { secrets } = (await start({ auth: true })).secure;
    expect(await login({ auth_secret: secrets.right })).toBe('in');
    expect(await login({ auth_secret: secrets.wrong })).toMatch(/E_AUTH_FAILED/);
    expect(await login({ auth_secret: secrets.powerless })).toMatch(/E_UNAUTHORIZED/);
    expect(await login({ auth_secret: secrets.readOnly })).toMatch(/E_UNAUTHORIZED/);
    expect(await login({})).toMatch(/E_AUTH_FIRST|auth/i);
  });
});
