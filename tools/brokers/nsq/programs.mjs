/** The servers, and the clients that we did not write. @type {import('../go-tools.mjs').GoTools} */
export const NSQ_PROGRAMS = {
  broker: 'nsq',
  name: 'nsq',
  module: 'github.com/nsqio/nsq',
  version: 'v1.3.0',
  packages: ['nsqd', 'nsqlookupd', 'nsqadmin', 'to_nsq', 'nsq_to_file'].map((name) => `apps/${name}`),
  // As in its own go.mod, which Go does not read for a dependency: without it nsqd does not compile.
  replace: ['github.com/judwhite/go-svc => github.com/mreiferson/go-svc v1.2.2-0.20210815184239-7a96e00010f6'],
};
