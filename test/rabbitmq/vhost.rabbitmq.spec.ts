import { Notices, type NoticeMap } from 'nest-transport';
import { startRabbitmq, type PrivateRabbitmq } from '../../tools/brokers/rabbitmq.mjs';
import { next } from '../nest/boot.js';
import { closeAll, open, refusal } from './support.js';

let server: PrivateRabbitmq;
beforeAll(async () => (server = await startRabbitmq()), 60_000);
afterAll(() => server.stop());
afterEach(closeAll);

async function starting(): Promise<{ connects: Promise<void>; why: Promise<NoticeMap['broker:unreachable']> }> {
  const notices = new Notices();
  const why = next(notices, 'broker:unreachable');
  const connects = open({ url: server.url }, notices).connect(new AbortController().signal);
  connects.catch(() => undefined);
  return { connects, why: Promise.resolve(await why) };
}

describe('a virtual host that does not open for now', () => {
  test('because its limit of connections is reached is waited for, and the notice says why', async () => {
    await server.control('set_vhost_limits', '-p', '/', '{"max-connections": 0}');
    const { connects, why } = await starting();
    const { error } = await why;
    expect(error).toMatchObject({ code: 'TRANSPORT_BROKER_UNREACHABLE', retryable: true });
    expect(error.message).toContain('connection limit (0) is reached');
    await server.control('clear_vhost_limits', '-p', '/');
    await connects;
  }, 30_000);

  test('because it is down, as while its node starts, is waited for', async () => {
    await server.control('eval', 'rabbit_vhost_sup_sup:delete_on_all_nodes(<<"/">>).');
    const { connects, why } = await starting();
    expect((await why).error.message).toContain('is down');
    await server.control('restart_vhost');
    await connects;
  }, 30_000);
});

test('a virtual host that does not exist ends the start at once', async () => {
  const error = await refusal(open({ url: server.url, vhost: 'unsupported' }).connect(new AbortController().signal));
  expect(error).toMatchObject({ code: 'TRANSPORT_AUTHORIZATION_FAILED', retryable: false });
});
