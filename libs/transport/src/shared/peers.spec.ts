import { loadPeer, loadPeers } from './peers.js';

const missing =
  (name: string, code = 'ERR_MODULE_NOT_FOUND') =>
  () =>
    Promise.reject<object>(Object.assign(new Error(`Cannot find package '${name}' imported from /app/x.js`), { code }));

describe('an optional package', () => {
  it.each(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'])(
    'that is missing is named with the command that installs it (%s)',
    async (code) => {
      await expect(loadPeer('kafka', 'kafkajs', 'The kafka driver', missing('kafkajs', code))).rejects.toMatchObject({
        code: 'TRANSPORT_PEER_MISSING',
        message: 'The kafka driver needs the package "kafkajs". Run: npm install kafkajs (TRANSPORT_PEER_MISSING)',
      });
    },
  );

  it('is named together with the others that are missing', async () => {
    const peers = [
      ['@nats-io/transport-node', missing('@nats-io/transport-node')],
      ['there', () => Promise.resolve({})],
      ['@nats-io/jetstream', missing('@nats-io/jetstream')],
    ] as const;
    await expect(loadPeers('nats', 'The nats driver', ...peers)).rejects.toThrow(
      'needs the packages "@nats-io/transport-node" and "@nats-io/jetstream". Run: npm install @nats-io/transport-node @nats-io/jetstream (TRANSPORT_PEER_MISSING)',
    );
  });

  it('of a version that does not work is named with the one that does', async () => {
    const needed = { range: '^2.2.4', fits: (module: object) => 'New' in module };
    const load = (): Promise<object> => Promise.resolve({ Old: 1 });
    await expect(loadPeer('kafka', 'kafkajs', 'The kafka driver', load, needed)).rejects.toThrow(
      'The kafka driver needs "kafkajs" ^2.2.4, and another version is installed. Run: npm install kafkajs@^2.2.4 (TRANSPORT_PEER_MISSING)',
    );
    const fitting = (): Promise<object> => Promise.resolve({ default: { New: 1 } });
    await expect(loadPeer('kafka', 'kafkajs', 'x', fitting, needed)).resolves.toMatchObject({ New: 1 });
  });

  it('that is there but broken shows its own error', async () => {
    await expect(loadPeer('kafka', 'snappy', 'x', missing('@napi-rs/snappy-linux'))).rejects.toThrow(
      '@napi-rs/snappy-linux',
    );
  });

  it('shows its exports whichever module system it was written for', async () => {
    const commonJs = { default: { Kafka: 1 } } as object;
    expect(await loadPeer('kafka', 'kafkajs', 'x', () => Promise.resolve(commonJs))).toMatchObject({ Kafka: 1 });
    expect(await loadPeer('kafka', 'kafkajs', 'x', () => Promise.resolve({ Kafka: 1 }))).toMatchObject({ Kafka: 1 });
  });
});
