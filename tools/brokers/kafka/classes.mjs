import { access, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../../scripts/lib/paths.mjs';
import { filledFolder, isComplete } from '../cached-folder.mjs';
import { TOOLS, toolVersion } from '../toolchain.mjs';
import { KAFKA_VERSION } from './jars.mjs';
import { formatNode } from './node.mjs';

const FILE = 'kafka.jsa';
/** Kafka waits for its followers and lets go of its leaderships before it ends. */
const END_TIMEOUT_MS = 30_000;

/** An archive belongs to the Java that made it. */
function cached() {
  const java = /\d+(\.\d+)*/.exec(toolVersion(TOOLS.java) ?? '')?.[0] ?? '0';
  return {
    folder: join(cacheFolder(), `kafka-${KAFKA_VERSION}-java-${java}`),
    content: 'classes',
    list: 'classes.json',
  };
}

/** The archive of Kafka's classes when this machine has one; a start without it is only slower. */
export async function knownClasses() {
  const folder = cached();
  return (await isComplete(folder)) ? join(folder.folder, folder.content, FILE) : undefined;
}

/**
 * Makes that archive, once per machine and Java: a node is started and stopped, and its JVM writes down what it has loaded.
 * @param {{ libs: string, log: (line: string) => void }} options
 */
export const prepareClasses = ({ libs, log }) =>
  filledFolder(cached(), {
    fill: (aside) => archiveClasses(libs, join(aside, 'classes')),
    doing: `archiving the classes of Kafka ${KAFKA_VERSION}`,
    done: `classes of Kafka ${KAFKA_VERSION} archived`,
    cost: '10 s, once',
    log,
  });

/**
 * @param {string} libs
 * @param {string} folder
 */
async function archiveClasses(libs, folder) {
  const archive = join(folder, FILE);
  await mkdir(folder);
  const more = [`-XX:ArchiveClassesAtExit=${archive}`];
  const node = await formatNode({ libs, security: true, config: {}, port: undefined, heapMb: 768, more });
  try {
    const running = await node.start();
    await running.end('SIGTERM', END_TIMEOUT_MS);
  } finally {
    await rm(node.folder, { recursive: true, force: true });
  }
  await access(archive);
}
