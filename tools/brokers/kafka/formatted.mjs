import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../../scripts/lib/paths.mjs';
import { filledFolder } from '../cached-folder.mjs';
import { toStderr } from '../to-stderr.mjs';
import { KAFKA_VERSION } from './jars.mjs';

/** What a new cluster begins with: the levels of its features. It names neither a cluster nor a node. */
const FIRST_RECORDS = 'bootstrap.checkpoint';

/**
 * Formats the data folder of a node as Kafka's own tool does, without a JVM for each node: the tool is asked once per
 * machine, and what is the same for all nodes is copied.
 * @param {object} node
 * @param {string} node.dataFolder
 * @param {string} node.clusterId
 * @param {number} node.nodeId
 * @param {(dataFolder: string) => Promise<void>} node.byTool formats another folder by Kafka's own tool
 */
export async function formatByCopy({ dataFolder, clusterId, nodeId, byTool }) {
  const formatted = await filledFolder(
    { folder: join(cacheFolder(), `kafka-${KAFKA_VERSION}-formatted`), content: 'data', list: 'data.json' },
    {
      fill: async (aside) => {
        await byTool(join(aside, 'data'));
        await rm(join(aside, 'data', 'meta.properties'));
      },
      doing: `formatting the first folder of Kafka ${KAFKA_VERSION}`,
      done: `folder of Kafka ${KAFKA_VERSION} formatted`,
      log: toStderr('kafka'),
    },
  );
  await mkdir(dataFolder);
  await copyFile(join(formatted, FIRST_RECORDS), join(dataFolder, FIRST_RECORDS));
  const properties = { version: 1, 'cluster.id': clusterId, 'node.id': nodeId, 'directory.id': newId() };
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
  await writeFile(join(dataFolder, 'meta.properties'), lines.join(''));
}

/** 16 random bytes as Kafka writes them. n.b. never with a "-" in front: the tool would take it for an option. */
export function newId() {
  const bytes = randomBytes(16);
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0);
  return bytes.toString('base64url');
}
