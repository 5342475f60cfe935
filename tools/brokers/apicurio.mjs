// How a real schema registry starts: Apicurio, whose compatibility API is Confluent's.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mayInstall } from '../../scripts/lib/environment.mjs';
import { cacheFolder } from '../../scripts/lib/paths.mjs';
import { filledFolder } from './cached-folder.mjs';
import { startKept } from './kept-process.mjs';
import { freePorts } from './ports.mjs';
import { runTool } from './run-tool.mjs';
import { toStderr } from './to-stderr.mjs';
import { requireTools, TOOLS } from './toolchain.mjs';
import { BrokerUnavailable } from './unavailable.mjs';

const VERSION = '2.5.11.Final';
const ARTIFACT = `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`;
const ARCHIVE = `apicurio-registry-app-${VERSION}-all.tar.gz`;

/**
 * Starts a private registry that keeps schemas in memory. It dies with this process. About 4 s; the first call on a machine downloads it.
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 * @throws {BrokerUnavailable} when java, mvn or the registry cannot be had; the message says the command
 */
export async function startApicurio() {
  const log = toStderr('apicurio');
  requireTools('apicurio', [TOOLS.java, TOOLS.mvn], { installSystemPackages: mayInstall(), log });
  const app = await apicurio(log);
  const folder = await mkdtemp(join(tmpdir(), 'nest-transport-apicurio-'));
  const [port] = await freePorts(1);
  const server = await startKept({
    name: 'apicurio',
    command: 'java',
    args: [
      '-Xmx256m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-Dquarkus.http.host=127.0.0.1',
      `-Dquarkus.http.port=${port}`,
      '-jar',
      join(app, `apicurio-registry-app-${VERSION}-runner.jar`),
    ],
    cwd: folder,
    log: join(folder, 'apicurio.log'),
    ready: 'Listening on',
    removeOnOrphan: folder,
    readyTimeoutMs: 120_000,
  });
  const stop = async () => {
    await server.end('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${port}/apis/ccompat/v7`, stop };
}

/** @param {(line: string) => void} log */
const apicurio = (log) =>
  filledFolder(
    { folder: join(cacheFolder(), `apicurio-${VERSION}`), content: 'app', list: 'app.json' },
    {
      fill: download,
      doing: `downloading Apicurio ${VERSION}`,
      done: 'Apicurio downloaded',
      cost: '134 MB, once',
      log,
    },
  );

/** @param {string} aside */
async function download(aside) {
  const app = join(aside, 'app');
  const copy = ['-q', '-B', 'dependency:copy', `-Dartifact=${ARTIFACT}`, '-DoutputDirectory=.'];
  await mkdir(app);
  const failure =
    (await runTool('mvn', copy, { cwd: aside })) ?? (await runTool('tar', ['xzf', join(aside, ARCHIVE), '-C', app]));
  await rm(join(aside, ARCHIVE), { force: true });
  if (failure) throw new BrokerUnavailable('apicurio', failure, 'Is Maven Central reachable? Try again.');
}
