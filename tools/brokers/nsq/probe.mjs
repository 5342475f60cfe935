import { probe } from '../probe.mjs';

/** Magic, then IDENTIFY with an empty object: every nsqd answers it with a frame, before TLS and login too. */
const REQUEST = Buffer.concat([Buffer.from('  V2IDENTIFY\n'), Buffer.from([0, 0, 0, 2]), Buffer.from('{}')]);
const HIGHEST_FRAME_TYPE = 2;

/**
 * Tells whether an nsqd answers.
 * @param {string} address host:port of its TCP listener
 */
export const probeNsqd = (address) => probe(address, { speaks: 'NSQ', say: REQUEST, judge: isFrame });

/** @param {Buffer} data length of what follows, then the type of the frame */
const isFrame = (data) =>
  data.length >= 8 && data.readInt32BE(0) === data.length - 4 && data.readInt32BE(4) <= HIGHEST_FRAME_TYPE;

/**
 * Tells whether the HTTP listener of an nsqd or nsqlookupd answers.
 * @param {string} address host:port
 */
export const probeNsqHttp = (address) =>
  probe(address, {
    speaks: "NSQ's HTTP",
    say: 'GET /ping HTTP/1.0\r\n\r\n',
    judge: (data) => /^HTTP\/1\.\d 200/.test(data.toString('latin1')),
  });
