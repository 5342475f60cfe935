import { realpath } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * @typedef {object} JvmOptions
 * @property {string} libs folder of the jars
 * @property {number} heapMb -Xmx
 * @property {string | undefined} archive of classes, see classes.mjs; a JVM that cannot use it goes without
 * @property {boolean} [fullCompiler] also the compiler that pays after minutes (default: false)
 */

/**
 * What `java` is told before the name of a class of Kafka. Suites start many nodes that live for seconds: with the classes
 * read and checked beforehand, and without the compiler that pays after minutes, a start costs a third of the processor.
 * @param {JvmOptions} options
 */
export async function jvmArguments({ libs, heapMb, archive, fullCompiler = false }) {
  return [
    `-Xms${Math.min(heapMb, 256)}m`,
    `-Xmx${heapMb}m`,
    '-XX:+UseSerialGC',
    ...(fullCompiler ? [] : ['-XX:TieredStopAtLevel=1']),
    ...(archive === undefined ? [] : [`-XX:SharedArchiveFile=${archive}`]),
    // Of what a start says only the last line is waited for; warnings stay.
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
    '-cp',
    // n.b. an archive is only good for the class path that it was made with, to the letter.
    join(await realpath(libs), '*'),
  ];
}
