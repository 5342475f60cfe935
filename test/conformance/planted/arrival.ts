import { WIRE_HEADERS, type Headers } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { alteringBroker } from './altered.js';
import type { Planted } from './planted.js';

const isOurs = (name: string): boolean => Object.values<string>(WIRE_HEADERS).includes(name);

export const ARRIVAL: readonly Planted[] = [
  {
    testCase: 'payload-id-and-key-arrive-intact',
    fault: 'does not give the key to handlers (kratos-transport, Kafka)',
    createBroker: () => alteringBroker(memory(), () => ({ key: undefined })),
    saying: /the key arrives as it was published/,
  },
  {
    testCase: 'headers-arrive-with-the-payload',
    fault: 'drops the headers of a message (kratos-transport, NATS and NSQ)',
    createBroker: () =>
      alteringBroker(memory(), (delivery) => {
        const ours = Object.entries(delivery.headers).filter(([name]) => isOurs(name));
        const headers: Headers = Object.fromEntries(ours);
        return { headers, header: (name) => headers[name] };
      }),
    saying: /header "tenant-id" arrives intact/,
  },
  {
    testCase: 'unusual-payloads-arrive-byte-for-byte',
    fault: 'reads bodies as text',
    createBroker: () =>
      alteringBroker(memory(), ({ body }) => ({ body: body === null ? null : Buffer.from(body.toString('utf8')) })),
    saying: /payload 0 \(256 bytes\) arrives byte for byte/,
  },
  {
    testCase: 'messages-without-a-body-arrive',
    fault: 'makes an empty body of none',
    createBroker: () => alteringBroker(memory(), ({ body }) => ({ body: body ?? Buffer.alloc(0) })),
    saying: /null/,
  },
  {
    testCase: 'foreign-messages-are-taken-as-they-are',
    fault: 'guesses an envelope from the keys of a body (the default deserializer of Nest)',
    createBroker: () =>
      alteringBroker(memory(), ({ body }) => {
        const { data } = parsed(body) as { data?: unknown };
        return data === undefined ? {} : { body: Buffer.from(JSON.stringify(data)) };
      }),
    saying: /pattern/,
  },
];

function parsed(body: Buffer | null): object {
  try {
    return JSON.parse(String(body)) as object;
  } catch {
    return {};
  }
}
