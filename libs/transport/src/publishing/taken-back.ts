import {
  describeIssues,
  isJsonContentType,
  isThenable,
  TransportError,
  type Codec,
  type EventDefinition,
  type OutgoingMessage,
  type SchemaResult,
} from '../contract/index.js';
import { holdsDate } from '../shared/index.js';

/** The end of every Date in JSON. */
const END_OF_DATE = 'Z"';

/**
 * Returns the message, unless JSON wrote a Date as text that the event's schema rejects: every consumer would
 * dead-letter it. Returns a Promise only if the schema is asynchronous.
 *
 * Only a payload with a Date is parsed and validated a second time.
 * @throws TransportError `TRANSPORT_PAYLOAD_UNENCODABLE`
 */
export function takenBack(
  event: EventDefinition,
  payload: unknown,
  message: OutgoingMessage,
  codec: Codec,
): OutgoingMessage | Promise<OutgoingMessage> {
  const { schema } = event;
  if (schema === undefined || message.body === null || !isJsonContentType(codec.contentType)) return message;
  if (!message.body.includes(END_OF_DATE) || !holdsDate(payload)) return message;
  const result = schema['~standard'].validate(JSON.parse(message.body.toString()));
  const accepted = (settled: SchemaResult<unknown>): OutgoingMessage => accept(event, message, settled);
  return isThenable(result) ? Promise.resolve(result).then(accepted) : accepted(result);
}

function accept({ type, topic }: EventDefinition, message: OutgoingMessage, { issues }: SchemaResult<unknown>) {
  if (issues === undefined) return message;
  throw new TransportError(
    'TRANSPORT_PAYLOAD_UNENCODABLE',
    `The payload contains a Date, which JSON writes as text, but the schema of event "${type}" rejects the text: ${describeIssues(issues)}. Use a schema that reads the text (z.coerce.date()), or a codec with dates (msgpack()).`,
    { topic, stored: 'no' },
  );
}
