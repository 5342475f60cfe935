import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../../scripts/lib/paths.mjs';
import { filledFolder, isComplete } from '../cached-folder.mjs';
import { runTool } from '../run-tool.mjs';
import { BrokerUnavailable } from '../unavailable.mjs';

export const KAFKA_VERSION = '4.1.1';

const POM = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>nest-transport</groupId>
  <artifactId>kafka-server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`;

export const kafkaFolder = (env = process.env) => join(cacheFolder(env), `kafka-${KAFKA_VERSION}`);

const cached = (env = process.env) => ({ folder: kafkaFolder(env), content: 'libs', list: 'jars.json' });

export const hasKafkaJars = (env = process.env) => isComplete(cached(env));

/** @typedef {{ log: (line: string) => void, beforeDownload?: () => void }} DownloadOptions */

/**
 * The folder of Kafka's jars, downloaded once per machine.
 * @param {DownloadOptions} options
 * @returns {Promise<string>}
 */
export const kafkaJars = ({ log, beforeDownload = () => undefined }) =>
  filledFolder(cached(), {
    fill: download,
    doing: `downloading Kafka ${KAFKA_VERSION}`,
    done: `Kafka ${KAFKA_VERSION} downloaded`,
    cost: '54 MB, once',
    log,
    before: beforeDownload,
  });

/** @param {string} aside */
async function download(aside) {
  await writeFile(join(aside, 'pom.xml'), POM);
  const args = ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=libs', '-DincludeScope=runtime'];
  const failure = await runTool('mvn', args, { cwd: aside });
  if (failure) throw new BrokerUnavailable('kafka', failure, 'Is Maven Central reachable? Try again.');
}
