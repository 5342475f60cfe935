import { isJsonContentType, TransportError, type Codec } from '../contract/index.js';
import { jsonCodec } from '../shared/index.js';

/** The fields that Nest's clients for NATS and RabbitMQ write; Nest 12 adds `metadata`, and requests have `id`. */
const FIELDS: ReadonlySet<string> = new Set(['pattern', 'data', 'id', 'metadata']);

interface Packet {
  readonly pattern: unknown;
  readonly data: unknown;
}

/**
 * Creates a JSON codec for a migration from Nest's built-in transports. It reads what their clients for NATS and
 * RabbitMQ write, `{ "pattern": "order.created", "data": { ... } }`, as its `data`, and any other JSON as it is. It
 * writes plain JSON.
 *
 * ```ts
 * TransportModule.forRoot({ service: 'inventory', broker: nats({ servers, provision: {} }), codec: nestPackets() })
 * ```
 * A packet whose pattern differs from its topic is rejected instead of reaching the wrong handler; a RabbitMQ queue
 * with several patterns contains such packets. Rejected packets and bodies that are not JSON become dead letters
 * (`TRANSPORT_PAYLOAD_UNDECODABLE`). A payload of your own with only the fields `pattern` and `data` is mistaken for a
 * packet, so remove the codec when the last old publisher is gone.
 */
export function nestPackets(): Codec {
  return {
    contentType: jsonCodec.contentType,
    encode: jsonCodec.encode,
    decode: (body, topic) => unpacked(jsonCodec.decode(body), topic),
    reads: (contentType) => contentType === undefined || isJsonContentType(contentType),
  };
}

function unpacked(payload: unknown, topic: string): unknown {
  if (!isPacket(payload)) return payload;
  const { pattern, data } = payload;
  if (typeof pattern === 'string' && isFor(pattern, topic)) return data;
  const named = typeof pattern === 'string' ? `"${pattern.slice(0, 100)}"` : 'no text';
  throw new TransportError(
    'TRANSPORT_PAYLOAD_UNDECODABLE',
    `A Nest packet arrived on topic "${topic}", but its pattern is ${named}. Use Nest's own transport to empty a queue whose patterns are several or are objects.`,
    { topic },
  );
}

function isPacket(payload: unknown): payload is Packet {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return false;
  return 'pattern' in payload && 'data' in payload && Object.keys(payload).every((name) => FIELDS.has(name));
}

/** A dead letter has the original's bytes, so its packet names the original's topic. */
function isFor(pattern: string, topic: string): boolean {
  return topic === pattern || (topic.startsWith(`${pattern}.`) && topic.endsWith('.dead-letter'));
}
