import { probeNsqd } from '../../tools/brokers/nsq/probe.mjs';
import { describeStandingBroker, exported } from './standing-broker.js';

describeStandingBroker('nsq', (user) => {
  it('stays up as a cluster after brokers:up --nodes, beside the one of one node, until brokers:down ends both', async () => {
    const cluster = await user().run('scripts/brokers.mjs', 'up', 'nsq', '--nodes', '3');
    const nodes = (exported(cluster.stdout)['NSQD_TCP'] ?? '').split(',');
    expect([cluster.code, nodes.length]).toEqual([0, 3]);
    expect(cluster.stderr).toMatch(/processes of the nodes: \d+, \d+, \d+\n/);
    expect((await user().run('scripts/brokers.mjs', 'up', 'nsq', '--nodes=3')).stdout).toBe(cluster.stdout);
    const single = await user().run('scripts/brokers.mjs', 'up', 'nsq');
    const all = [...nodes, exported(single.stdout)['NSQD_TCP'] ?? ''];
    expect(new Set(all).size).toBe(4);
    const answering = async () => (await Promise.all(all.map((address) => probeNsqd(address)))).filter(({ ok }) => ok);
    expect(await answering()).toHaveLength(4);
    const down = await user().run('scripts/brokers.mjs', 'down', 'nsq');
    expect([down.code, down.stderr]).toEqual([0, '[nsq] cluster down.\n[nsq] down.\n']);
    expect(await answering()).toEqual([]);
  }, 120_000);

  it('is refused with a number of nodes that is none', async () => {
    const { code, stderr } = await user().run('scripts/brokers.mjs', 'up', 'nsq', '--nodes', 'many');
    expect([code, stderr]).toEqual([1, '--nodes takes a number from 1 to 9, and not "many".\n']);
  });
});
