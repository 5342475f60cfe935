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

/** How JSON payloads with a registered schema are written and checked. */
export interface JsonSchemaOptions extends RegistryCodecOptions {
  /** JSON Schema, draft 7 or, where its `$schema` says so, 2019-09 or 2020-12. */
  readonly schema: object;
  /** Whether payloads are checked against `schema` on both sides; needs the package `ajv`. @default true */
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

/** Says what is wrong with a payload; undefined when nothing is. */
type Check = (payload: unknown) => string | undefined;

/**
 * JSON with a schema registry, byte for byte as Confluent's serializers write it. Content type
 * `application/vnd.confluent.json`; what says none is read too.
 *
 * The registry is asked when something is published, not when it is read: JSON can be read without its schema.
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
    `The payload does not fit the JSON schema of its event: ${complaint}.`,
  );
}

async function checkOf(schema: object): Promise<Check> {
  const Ajv = await validatorFor(schema);
  try {
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    return (payload) => {
      if (validate(payload)) return undefined;
      const { instancePath = '', message = 'it does not fit' } = validate.errors?.[0] ?? {};
      return instancePath === '' ? message : `${instancePath} ${message}`;
    };
  } catch (cause) {
    throw new TransportError(
      'TRANSPORT_OPTION_INVALID',
      `jsonSchema(): schema is no JSON schema: ${messageOf(cause)}.`,
      {
        cause,
      },
    );
  }
}

/** n.b. a draft has a class of its own in ajv, and each hides in the default export of a CommonJS module. */
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

// n.b. its type is that of the import: `typeof import('ajv')` is the one for require.
async function loadAjv() {
  try {
    return await import('ajv');
  } catch (error) {
    return unloaded(error);
  }
}
