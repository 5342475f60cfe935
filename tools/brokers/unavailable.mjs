/**
 * The broker cannot be had on this machine as it is. The message is one line with the command that brings it:
 * a skip line for a person, a failure where CI is set.
 */
export class BrokerUnavailable extends Error {
  /**
   * @param {string} broker
   * @param {string} why
   * @param {string} remedy
   */
  constructor(broker, why, remedy) {
    super(`[${broker}] not available: ${why}. ${remedy}`);
    this.name = 'BrokerUnavailable';
    this.broker = broker;
  }
}
