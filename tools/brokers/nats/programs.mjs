/** @type {import('../go-tools.mjs').GoTools} */
export const NATS_SERVER = {
  broker: 'nats',
  name: 'nats-server',
  module: 'github.com/nats-io/nats-server/v2',
  version: 'v2.15.2',
  packages: [''],
};

/** The `nats` command line, a client that we did not write. @type {import('../go-tools.mjs').GoTools} */
export const NATS_CLI = {
  broker: 'nats',
  name: 'natscli',
  module: 'github.com/nats-io/natscli',
  version: 'v0.3.0',
  packages: ['nats'],
};
