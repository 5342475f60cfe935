import { messageOf, TransportError, type Codec } from '../contract/index.js';
import { checkOptions, jsonCodec, loadPeer, unloaded, option, type OptionRule } from '../shared/index.js';
import { frame, unframe } from './confluent-frame.js';
import { lazyCodec, type Coder } from './lazy-codec.js';
import {
  REGISTRY_CODEC_DEFAULTS,
  REGISTRY_CODEC_RULES,
  requireRegistry,
  SchemaIds,
  type RegistryCodecOptions,
} from './subject.js';

/** Options of `jsonSchema`. */
export interface JsonSchemaOptions extends RegistryCodecOptions {
  /** A JSON Schema: draft 7, or 2019-09 or 2020-12 if its `$schema` says so. */
  readonly schema: object;
  /** Validates payloads against `schema` on both sides; needs the package `ajv`. @default true */
  readonly validate?: boolean;
}

/** The defaults of `jsonSchema`. */
export const JSON_SCHEMA_DEFAULTS = {
  ...REGISTRY_CODEC_DEFAULTS,
  validate: true,
} as const satisfies Partial<JsonSchemaOptions>;

const RULES = {
  ...REGISTRY_CODEC_RULES,
  schema: option.record,
  validate: option.flag,
} as const satisfies Record<keyof JsonSchemaOptions, OptionRule>;

/** Returns what is wrong with a payload; undefined if it is valid. */
type Check = (payload: unknown) => string | undefined;

/**
 * Creates a codec for JSON with a schema registry, compatible byte for byte with Confluent's serializers. Content type
 * `application/vnd.confluent.json`; messages without a content type are read too.
 *
 * It queries the registry when a message is published, not when one is read: JSON can be read without its schema.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function jsonSchema(options: JsonSchemaOptions): Codec {
  checkOptions('jsonSchema()', options, RULES);
  requireRegistry('jsonSchema()', options);
  if (options.schema === undefined) {
    throw new TransportError('TRANSPORT_OPTION_INVALID', 'jsonSchema(): schema is missing.');
  }
  return lazyCodec('application/vnd.confluent.json', [], () => load(options));
}

async function load(options: JsonSchemaOptions): Promise<Coder> {
  const { schema, validate = JSON_SCHEMA_DEFAULTS.validate } = options;
  const check = validate ? await checkOf(schema) : () => undefined;
  const text = JSON.stringify(schema);
  const ids = new SchemaIds(options, { schema: text, schemaType: 'JSON', references: [] });
  return {
    encode(payload, topic) {
      refuseMisfit(check, payload);
      const body = jsonCodec.encode(payload);
      const id = ids.of(topic);
      return typeof id === 'number' ? frame(id, body) : id.then((known) => frame(known, body));
    },
    decode(body) {
      const payload = jsonCodec.decode(unframe(body).payload);
      refuseMisfit(check, payload);
      return payload;
    },
  };
}

function refuseMisfit(check: Check, payload: unknown): void {
  const complaint = check(payload);
  if (complaint === undefined) return;
  throw new TransportError(
    'TRANSPORT_PAYLOAD_INVALID',
    `The payload does not match the JSON schema of its event: ${complaint}.`,
  );
}

async function checkOf(schema: object): Promise<Check> {
  const Ajv = await validatorFor(schema);
  try {
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    return (payload) => {
      if (validate(payload)) return undefined;
      const { instancePath = '', message = 'it does not match' } = validate.errors?.[0] ?? {};
      return instancePath === '' ? message : `${instancePath} ${message}`;
    };
  } catch (cause) {
    throw new TransportError(
      'TRANSPORT_OPTION_INVALID',
      `jsonSchema(): schema is not a valid JSON schema: ${messageOf(cause)}.`,
      {
        cause,
      },
    );
  }
}

/** Ajv has one class per draft, each in the default export of a CommonJS module. */
async function validatorFor(schema: object): Promise<typeof import('ajv').Ajv> {
  const { $schema = '' } = schema as { $schema?: string };
  const neededFor = 'The codec jsonSchema()';
  if ($schema.includes('2020-12')) {
    const module = await loadPeer(undefined, 'ajv', neededFor, async () => {
      try {
        return await import('ajv/dist/2020.js');
      } catch (error) {
        return unloaded(error);
      }
    });
    return module.Ajv2020 as unknown as typeof import('ajv').Ajv;
  }
  if ($schema.includes('2019-09')) {
    const module = await loadPeer(undefined, 'ajv', neededFor, async () => {
      try {
        return await import('ajv/dist/2019.js');
      } catch (error) {
        return unloaded(error);
      }
    });
    return module.Ajv2019 as unknown as typeof import('ajv').Ajv;
  }
  return (await loadPeer(undefined, 'ajv', neededFor, loadAjv, AJV)).Ajv;
}

const AJV = {
  range: '^8.17.0',
  fits: (module: object): boolean => 'Ajv' in module,
};

// The type must be that of the import: `typeof import('ajv')` is the one for require.
async function loadAjv() {
  try {
    return await import('ajv');
  } catch (error) {
    return unloaded(error);
  }
}
