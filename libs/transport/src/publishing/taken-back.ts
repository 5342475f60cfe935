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

/** How the text of every Date ends in JSON. */
const END_OF_DATE = 'Z"';

/**
 * The message, unless JSON has written a Date as text and the event's schema does not take the text: every consumer would make a
 * dead letter of it. A promise only where the schema is asynchronous.
 *
 * n.b. only a payload with a Date is read back and checked a second time.
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
    `The payload holds a Date, which JSON writes as text, and the schema of event "${type}" does not accept the text: ${describeIssues(issues)}. Use a schema that reads the text (z.coerce.date()), or a codec with dates (msgpack()).`,
    { topic, stored: 'no' },
  );
}
