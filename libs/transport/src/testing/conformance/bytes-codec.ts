import type { Codec } from '../../contract/index.js';

/** Payloads that are bytes already. */
export const bytesCodec: Codec = {
  contentType: 'application/octet-stream',
  encode: (payload) => payload as Buffer,
  decode: (body) => body,
};
