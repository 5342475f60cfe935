import { connect } from 'node:net';

/** ApiVersions, version 0, correlation id 1, client id "probe": every Kafka answers it, before any login but not under TLS. */
const REQUEST = Buffer.concat([Buffer.from([0, 0, 0, 15, 0, 18, 0, 0, 0, 0, 0, 1, 0, 5]), Buffer.from('probe')]);

/**
 * Tells whether a Kafka answers at an address. A port that is open but speaks something else, or nothing, is told apart.
 * @param {string} address host:port
 * @param {number} [timeoutMs]
 * @returns {Promise<{ ok: true } | { ok: false, why: string }>}
 */
export function probeKafka(address, timeoutMs = 3_000) {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  if (port === '') return Promise.resolve({ ok: false, why: `"${address}" is no host:port` });
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    /** @param {{ ok: true } | { ok: false, why: string }} answer */
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => end({ ok: false, why: `${address} did not answer within ${timeoutMs} ms` }));
    socket.once('connect', () => socket.write(REQUEST));
    socket.once('data', (data) =>
      end(isAnswer(data) ? { ok: true } : { ok: false, why: `${address} speaks no Kafka` }),
    );
    socket.once('close', () => end({ ok: false, why: `${address} closed the connection: does it want TLS?` }));
    socket.once('error', (error) => end({ ok: false, why: `${address}: ${error.message || 'connection refused'}` }));
  });
}

/** @param {Buffer} data length, then our correlation id */
const isAnswer = (data) => data.length >= 8 && data.readInt32BE(4) === 1;
