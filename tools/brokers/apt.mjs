import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Debian asks this program before a package may start its service; 101 says no. */
const POLICY = '/usr/sbin/policy-rc.d';

/**
 * Installs Debian packages. A server among them is not started: tests start their own, in folders of their own.
 * @param {readonly string[]} packages
 * @param {(line: string) => void} log
 */
export function installPackages(packages, log) {
  const mayStart = !existsSync(POLICY);
  if (mayStart) asRoot(['sh', '-c', `printf '#!/bin/sh\\nexit 101\\n' > ${POLICY} && chmod 755 ${POLICY}`]);
  try {
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
      log(`apt-get ${args.join(' ')} ...`);
      asRoot(['apt-get', ...args]);
    }
  } finally {
    if (mayStart) asRoot(['rm', '-f', POLICY]);
  }
}

/** @param {string[]} words */
function asRoot(words) {
  const [command = '', ...args] = process.getuid?.() === 0 ? words : ['sudo', '-n', ...words];
  spawnSync(command, args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
