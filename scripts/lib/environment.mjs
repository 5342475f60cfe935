/** npm settings that say where packages come from; everything else npm put into the environment is about *this* npm call. */
const KEPT =
  /^npm_config_(cache|ca|cafile|cert|key|(https?_|no)?proxy|noproxy|strict_ssl|userconfig|globalconfig|replace_registry_host|.*registry|\/\/.*)$/i;

/**
 * The environment without what an outer npm left in it.
 * `npm test --json` (no `--`) sets npm_config_json, and an npm started by a test would print JSON: so it is dropped.
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function cleanEnvironment(env) {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => {
      if (/^npm_config_/i.test(name)) return KEPT.test(name);
      return !/^npm_(lifecycle|package)_/i.test(name) && name !== 'npm_command';
    }),
  );
}

/** @param {string | undefined} value */
export const isOn = (value) => value !== undefined && !['', '0', 'false', 'no'].includes(value.toLowerCase());

/** True on a CI machine: what is missing there is a failure, and system packages may be installed. */
export const isCi = (env = process.env) => isOn(env['CI']);

/** Set for everything below a command that was told `--install-system-packages`. */
export const INSTALL_VARIABLE = 'NEST_TRANSPORT_INSTALL_SYSTEM_PACKAGES';

/** Whether a missing tool may be installed by apt-get: on a CI machine, and where somebody asked for it by name. */
export const mayInstall = (env = process.env) => isCi(env) || isOn(env[INSTALL_VARIABLE]);
