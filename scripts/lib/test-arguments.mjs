/**
 * @param {string[]} argv
 * @returns {{ only: string[] | undefined, installSystemPackages: boolean | undefined, jestArguments: string[] }}
 */
export function parseArgs(argv) {
  const jestArguments = [...argv];
  const installSystemPackages = take(jestArguments, '--install-system-packages', 1) ? true : undefined;
  const only = take(jestArguments, '--only', 2)?.[1]?.split(',');
  return { only, installSystemPackages, jestArguments };
}

/**
 * @param {string[]} list loses what is found
 * @param {string} name
 * @param {number} length
 */
function take(list, name, length) {
  const at = list.indexOf(name);
  return at < 0 ? undefined : list.splice(at, length);
}
