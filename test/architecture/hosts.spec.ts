import { spawnSync } from 'node:child_process';
import { npmCommand } from '../../scripts/lib/install.mjs';
import { filesUnder, read, type SourceFile } from './tree.js';

/** Written in two halves, so that this file is not its own first finding. */
const REGISTRIES = [
  ['registry.npmjs', 'org'],
  ['registry.yarnpkg', 'com'],
  ['npm.pkg.github', 'com'],
  ['repo1.maven', 'org'],
  ['repo.maven.apache', 'org'],
  ['proxy.golang', 'org'],
  ['sum.golang', 'org'],
  ['pypi', 'org'],
  ['files.pythonhosted', 'org'],
  ['deb.debian', 'org'],
  ['static.crates', 'io'],
  ['index.crates', 'io'],
].map((halves) => halves.join('.'));

/** The mirror that this machine happens to use, which a lockfile would remember. */
function configuredRegistry(): string[] {
  const [command = 'npm', ...args] = npmCommand();
  const { stdout } = spawnSync(command, [...args, 'config', 'get', 'registry'], { encoding: 'utf8' });
  const host = URL.canParse(stdout.trim()) ? new URL(stdout.trim()).hostname : '';
  return host === '' || host === 'localhost' || host === '127.0.0.1' ? [] : [host];
}

function namesOfHosts(files: readonly SourceFile[], hosts: readonly string[]): string[] {
  return files.flatMap(({ path, text }) =>
    hosts.filter((host) => text.includes(host)).map((host) => `${path} names ${host}`),
  );
}

/** A link to a folder of ours is "resolved" too; a download address has a scheme. */
function addressesInLockfile(text: string): string[] {
  return text.split('\n').filter((line) => /"resolved":\s*"[^"]*:\/\//.test(line) || /\.tgz"/.test(line));
}

describe('registries', () => {
  const hosts = [...new Set([...REGISTRIES, ...configuredRegistry()])];

  it('are named by no file of the clone', () => {
    const files = [...filesUnder()].filter((path) => !/\.(png|ico|gz|tgz)$/.test(path)).map(read);
    expect(namesOfHosts(files, hosts)).toEqual([]);
    expect(files.length).toBeGreaterThan(250);
  });

  it('are not where the lockfile says its packages come from', () => {
    expect(addressesInLockfile(read('package-lock.json').text)).toEqual([]);
    expect(read('package-lock.json').text.match(/"version"/g)?.length).toBeGreaterThan(400);
  });

  it('would be seen, in a file and in the lockfile', () => {
    const [host = ''] = REGISTRIES;
    expect(namesOfHosts([{ path: 'a.md', text: `see https://${host}/x` }], hosts)).toEqual([`a.md names ${host}`]);
    const line = '      "resolved": "https://mirror.example/kafkajs/-/kafkajs-2.2.4.tgz",';
    expect(addressesInLockfile(`{\n${line}\n      "resolved": "libs/transport",\n}`)).toEqual([line]);
  });
});
