/**
 * Codecs in addition to JSON, for `defineEvent('...', { codec })` or the module's `codec`. Most need a package of their
 * own, which is loaded on first use: see docs/guides/codecs.md.
 */
export { avro, AVRO_DEFAULTS, type AvroOptions } from './avro.js';
export { jsonSchema, JSON_SCHEMA_DEFAULTS, type JsonSchemaOptions } from './json-schema.js';
export { msgpack } from './msgpack.js';
export { nestPackets } from './nest-packets.js';
export { protobuf, type ProtobufDescriptor, type ProtobufMessageType } from './protobuf.js';
export {
  schemaRegistry,
  SCHEMA_REGISTRY_DEFAULTS,
  type RegisteredSchema,
  type SchemaReference,
  type SchemaRegistry,
  type SchemaRegistryOptions,
  type SchemaType,
} from './schema-registry.js';
