import { isJsonContentType, TransportError, type Codec } from '../contract/index.js';
import { jsonCodec } from '../shared/index.js';

/** The fields of what Nest's clients for NATS and RabbitMQ write; `metadata` is of Nest 12, `id` of requests. */
const FIELDS: ReadonlySet<string> = new Set(['pattern', 'data', 'id', 'metadata']);

interface Packet {
  readonly pattern: unknown;
  readonly data: unknown;
}

/**
 * JSON for the time of a migration from Nest's built-in transports: reads what their clients for NATS and RabbitMQ write,
 * `{ "pattern": "order.created", "data": { ... } }`, as the `data` in it, and any other JSON as it is. It writes plain JSON.
 *
 * ```ts
 * TransportModule.forRoot({ service: 'inventory', broker: nats({ servers, provision: {} }), codec: nestPackets() })
 * ```
 * A packet for another pattern than the topic that it came by is refused, never handed to the wrong handler: that is what
 * a RabbitMQ queue with several patterns has. n.b. a payload of your own that is nothing but `pattern` and `data` is taken for
 * a packet, so take the codec away when the last old publisher is gone. What is
 * refused, or no JSON, is a dead letter (`TRANSPORT_PAYLOAD_UNDECODABLE`).
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
    `A packet of Nest came by topic "${topic}", and its pattern is ${named}. Let Nest's own transport empty a queue that has several patterns, or patterns that are objects.`,
    { topic },
  );
}

function isPacket(payload: unknown): payload is Packet {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return false;
  return 'pattern' in payload && 'data' in payload && Object.keys(payload).every((name) => FIELDS.has(name));
}

/** n.b. a dead letter is the original's bytes, so its packet names the original's topic. */
function isFor(pattern: string, topic: string): boolean {
  return topic === pattern || (topic.startsWith(`${pattern}.`) && topic.endsWith('.dead-letter'));
}
