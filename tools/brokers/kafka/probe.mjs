import { probe } from '../probe.mjs';

/** ApiVersions, version 0, correlation id 1, client id "probe": every Kafka answers it, before any login but not under TLS. */
const REQUEST = Buffer.concat([Buffer.from([0, 0, 0, 15, 0, 18, 0, 0, 0, 0, 0, 1, 0, 5]), Buffer.from('probe')]);

/**
 * Tells whether a Kafka answers at an address.
 * @param {string} address host:port
 */
export const probeKafka = (address) => probe(address, { speaks: 'Kafka', say: REQUEST, judge: isAnswer });

/** @param {Buffer} data length, then our correlation id */
const isAnswer = (data) => data.length >= 8 && data.readInt32BE(4) === 1;
