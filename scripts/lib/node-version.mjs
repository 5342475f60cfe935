/** The oldest Node with `module-sync` exports and require() of ES modules, which our own package relies on. */
export const MINIMUM_NODE = [20, 19, 0];

/** @param {string} version as in `process.versions.node` */
export function isSupported(version) {
  const parts = version.split('.').map(Number);
  for (let i = 0; i < 3; i++) {
    if (parts[i] !== MINIMUM_NODE[i]) return parts[i] > MINIMUM_NODE[i];
  }
  return true;
}

/** Ends the process with one sentence when Node is too old; otherwise a stack trace from some dependency would say it. */
export function checkNodeVersion(version = process.versions.node) {
  if (isSupported(version)) return;
  process.stderr.write(
    `nest-transport needs Node >= ${MINIMUM_NODE.join('.')}, this is ${version} (${process.execPath}). Install a newer Node and run the command again.\n`,
  );
  process.exit(1);
}
