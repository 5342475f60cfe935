import { connect } from 'node:net';

/** @typedef {{ ok: true } | { ok: false, why: string }} Answer */

/**
 * Opens a connection, says something where the server does not speak first, and judges the first thing that comes.
 * A port that is open but speaks something else, or nothing, is told apart from one that is closed.
 * @param {string} address host:port
 * @param {object} talk
 * @param {string} talk.speaks for messages: "speaks no Kafka"
 * @param {Buffer | string} [talk.say] what we say first
 * @param {(data: Buffer) => boolean | string} talk.judge true: it is one. false: it is none. Else what it lacks
 * @param {number} [timeoutMs]
 * @returns {Promise<Answer>}
 */
export function probe(address, { speaks, say, judge }, timeoutMs = 3_000) {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  if (port === '') return Promise.resolve({ ok: false, why: `"${address}" is no host:port` });
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    /** @param {boolean | string} judgement */
    const end = (judgement) => {
      socket.destroy();
      resolve(
        judgement === true ? { ok: true } : { ok: false, why: `${address}${judgement || ` speaks no ${speaks}`}` },
      );
    };
    socket.setTimeout(timeoutMs, () => end(` did not answer within ${timeoutMs} ms`));
    socket.once('connect', () => say && socket.write(say));
    socket.once('data', (data) => end(judge(data)));
    socket.once('close', () => end(' closed the connection: does it want TLS?'));
    socket.once('error', (error) => end(`: ${error.message || 'connection refused'}`));
  });
}
