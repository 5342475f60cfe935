/**
 * @param {string} broker
 * @returns {(line: string) => void}
 */
export const toStderr = (broker) => (line) => {
  process.stderr.write(`[${broker}] ${line}\n`);
};
