import type * as KafkaJs from 'kafkajs';
import { importUnbundled, loadPeer } from '../../../../shared/index.js';
import type { KafkaCompression } from '../../options.js';

interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

type PackagedCompression = Exclude<KafkaCompression, 'none' | 'gzip'>;

/** Compressions that kafkajs does not include, and the packages that provide them. */
const PACKAGED: Readonly<Record<PackagedCompression, { name: string; load: () => Promise<Codec> }>> = {
  snappy: { name: 'snappy', load: loadSnappy },
  lz4: { name: 'lz4-napi', load: loadLz4 },
  zstd: { name: '@bokuweb/zstd-wasm', load: loadZstd },
};

const TYPE_NAMES = { none: 'None', gzip: 'GZIP', snappy: 'Snappy', lz4: 'LZ4', zstd: 'ZSTD' } as const;

/** kafkajs' number of a compression. */
export const compressionType = (kafkajs: typeof KafkaJs, compression: KafkaCompression): KafkaJs.CompressionTypes =>
  kafkajs.CompressionTypes[TYPE_NAMES[compression]];

/**
 * Registers the codecs with kafkajs, for reading and writing. A codec that the application registered stays.
 * @throws TransportError `TRANSPORT_PEER_MISSING` when the package of `wanted` is not installed
 */
export async function registerCodecs(kafkajs: typeof KafkaJs, wanted: KafkaCompression): Promise<void> {
  if (wanted !== 'none' && wanted !== 'gzip') await loadCodec(wanted);
  for (const compression of Object.keys(PACKAGED) as PackagedCompression[]) {
    const type = compressionType(kafkajs, compression);
    if (!isOurs(kafkajs, type)) continue;
    // Loaded with the first such batch, so a missing package fails only if it is needed.
    (kafkajs.CompressionCodecs as Record<number, () => unknown>)[type] = Object.assign(() => lazily(compression), {
      nestTransport: true,
    });
  }
}

/** Whether no other codec is registered: kafkajs' placeholder throws. */
function isOurs(kafkajs: typeof KafkaJs, type: KafkaJs.CompressionTypes): boolean {
  try {
    (kafkajs.CompressionCodecs as Record<number, () => unknown>)[type]?.();
    return false;
  } catch {
    return true;
  }
}

const lazily = (compression: PackagedCompression): Codec => ({
  compress: async (encoder) => (await loadCodec(compression)).compress(encoder),
  decompress: async (buffer) => (await loadCodec(compression)).decompress(buffer),
});

const loaded = new Map<PackagedCompression, Promise<Codec>>();

function loadCodec(compression: PackagedCompression): Promise<Codec> {
  const known = loaded.get(compression);
  if (known !== undefined) return known;
  const loading = PACKAGED[compression].load();
  loaded.set(compression, loading);
  // The next call retries, because the package may be installed by then.
  loading.catch(() => loaded.delete(compression));
  return loading;
}

const neededFor = (compression: PackagedCompression): string =>
  `Kafka messages compressed with ${compression}: the driver`;

async function loadSnappy(): Promise<Codec> {
  const { compress, uncompress } = await loadPeer('kafka', 'snappy', neededFor('snappy'), () =>
    importUnbundled<typeof import('snappy')>('snappy'),
  );
  const inflate = (buffer: Buffer): Promise<Buffer> => uncompress(buffer, { asBuffer: true }) as Promise<Buffer>;
  return {
    compress: ({ buffer }) => compress(buffer),
    decompress: async (buffer) =>
      isXerial(buffer) ? Buffer.concat(await Promise.all(xerialChunks(buffer).map(inflate))) : inflate(buffer),
  };
}

/** Java clients frame snappy data: a header of 16 bytes, then chunks, each preceded by its length. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

export const isXerial = (buffer: Buffer): boolean =>
  buffer.length >= XERIAL_HEADER_BYTES && buffer.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC);

export function xerialChunks(buffer: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  let at = XERIAL_HEADER_BYTES;
  while (at + 4 <= buffer.length) {
    const end = at + 4 + buffer.readInt32BE(at);
    chunks.push(buffer.subarray(at + 4, end));
    at = end;
  }
  return chunks;
}

async function loadLz4(): Promise<Codec> {
  const { compressFrame, decompressFrame } = await loadPeer('kafka', 'lz4-napi', neededFor('lz4'), () =>
    importUnbundled<typeof import('lz4-napi')>('lz4-napi'),
  );
  return {
    compress: ({ buffer }) => compressFrame(buffer),
    decompress: (buffer) => decompressFrame(buffer),
  };
}

async function loadZstd(): Promise<Codec> {
  const { init, compress, decompress } = await loadPeer('kafka', '@bokuweb/zstd-wasm', neededFor('zstd'), () =>
    importUnbundled<typeof import('@bokuweb/zstd-wasm')>('@bokuweb/zstd-wasm'),
  );
  await init();
  return {
    compress: ({ buffer }) => Promise.resolve(Buffer.from(compress(buffer))),
    decompress: (buffer) => Promise.resolve(Buffer.from(decompress(buffer))),
  };
}
