import type { SyncCodec } from '../../contract/index.js';

/** Payloads that are bytes already, whatever a message says of them. */
export const bytesCodec: SyncCodec = {
  contentType: 'application/octet-stream',
  encode: (payload) => payload as Buffer,
  decode: (body) => body,
  reads: () => true,
};
