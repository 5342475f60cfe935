import { TransportError } from '../contract/index.js';

/** n.b. without the library's own words and without a cause where these quote the payload: errors go into logs. */
export function unencodable(what: string, cause?: unknown): TransportError {
  return new TransportError('TRANSPORT_PAYLOAD_UNENCODABLE', `The payload ${what}.`, { cause });
}
