import { chromium, type Browser } from 'playwright-core';
import { isCi, mayInstall } from '../../scripts/lib/environment.mjs';
import { toStderr } from '../../tools/brokers/to-stderr.mjs';
import { requireTools, toolVersion, TOOLS } from '../../tools/brokers/toolchain.mjs';
import { BrokerUnavailable } from '../../tools/brokers/unavailable.mjs';

/** Where a real browser is, or undefined where it cannot be had: that is one line with the command that brings it, and with `CI` set a failure. */
export function browserProgram(): string | undefined {
  try {
    requireTools('browser', [TOOLS.chromium], { installSystemPackages: mayInstall(), log: toStderr('browser') });
    return toolVersion(TOOLS.chromium);
  } catch (error) {
    if (!(error instanceof BrokerUnavailable) || isCi()) throw error;
    process.stderr.write(`SKIPPED what needs a browser: ${error.message}\n`);
    return undefined;
  }
}

/** n.b. Chromium's own sandbox refuses to run as root, as containers do; it opens our own pages only. */
export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: ['--no-sandbox'] });
