import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ManualClock } from '../../../testing/manual-clock.js';
import { NodeSet } from './node-set.js';
import { settingsOf } from './settings.js';

const NSQD = { broadcast_address: '127.0.0.1', tcp_port: 1, http_port: 2 };
const INTERVAL_MS = 1_000;
const LATEST_MS = INTERVAL_MS * 1.2;

/** An nsqlookupd that lists one nsqd, which does not answer, while `state.listed` is set. */
async function lookedUp() {
  const state = { listed: true };
  const server = createServer((_, response) => response.end(JSON.stringify({ producers: state.listed ? [NSQD] : [] })));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const lookupd = [`http://127.0.0.1:${(server.address() as AddressInfo).port}`];
  const clock = new ManualClock();
  let tellLook = (): void => undefined;
  const nodes = new NodeSet({ lookupd, lookupIntervalMs: INTERVAL_MS }, 'orders', settingsOf({ clock }), {
    listenerFor: () => ({ messages: none, tooLate: none, lost: none, up: none, down: none }),
    lookedUp: () => tellLook(),
  });
  await nodes.start();
  const look = async (): Promise<void> => {
    const looked = new Promise<void>((resolve) => (tellLook = resolve));
    clock.advance(LATEST_MS);
    await looked;
    // The next one is scheduled in the turn after it.
    await new Promise((resolve) => setImmediate(resolve));
  };
  const close = () => nodes.close().then(() => server.close());
  return { clock, nodes, state, look, close };
}

const none = (): void => undefined;

test('an unreachable nsqd that is no longer listed is a problem for a minute, and then counts as removed', async () => {
  const { clock, nodes, state, look, close } = await lookedUp();
  expect([nodes.nodes.length, nodes.nodes[0]?.problem?.reason]).toEqual([1, 'unreachable']);
  state.listed = false;
  await look();
  expect(nodes.nodes).toHaveLength(1);
  clock.advance(55_000 - LATEST_MS);
  await look();
  expect(nodes.nodes[0]?.problem).toBeDefined();
  state.listed = true;
  await look();
  state.listed = false;
  await look();
  clock.advance(50_000);
  await look();
  expect(nodes.nodes).toHaveLength(1);
  clock.advance(10_000);
  await look();
  expect(nodes.nodes).toEqual([]);
  await close();
});
