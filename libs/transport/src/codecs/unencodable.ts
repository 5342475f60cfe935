import { TransportError } from '../contract/index.js';

/**
 * Creates the error of a codec that cannot encode. Pass no library message or cause that quotes the payload: errors go
 * into logs.
 */
export function unencodable(what: string, cause?: unknown): TransportError {
  return new TransportError('TRANSPORT_PAYLOAD_UNENCODABLE', `The payload ${what}.`, { cause });
}
