import { probe } from '../probe.mjs';

const USUAL_PORT = 4222;

/**
 * Tells whether a NATS with JetStream answers.
 * @param {string} url nats://host:port
 */
export const probeNats = (url) => probe(addressOf(url), { speaks: 'NATS', judge });

/** @param {string} url with or without the scheme, as NATS_URL may be either */
function addressOf(url) {
  const address = url
    .replace(/^\w+:\/\//, '')
    .replace(/^.*@/, '')
    .replace(/\/.*$/, '');
  return /:\d+$/.test(address) ? address : `${address}:${USUAL_PORT}`;
}

/** @param {Buffer} data the server speaks first: INFO {...} */
function judge(data) {
  const greeting = data.toString('latin1');
  if (!greeting.startsWith('INFO ')) return false;
  return /"jetstream":\s*true/.test(greeting) || ' has no JetStream (start it with -js)';
}
