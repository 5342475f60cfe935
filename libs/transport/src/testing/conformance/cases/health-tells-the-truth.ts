import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

export const healthTellsTheTruth: ConformanceCase = {
  name: 'health-tells-the-truth',
  title: 'says that it is up while it works, and down, with a reason, once it is closed',
  async run(stage) {
    const application = await stage.open({ subscriptions: [{}] });
    await application.publish(stage.topic, { n: 0 });
    await application.untilSettled(1);
    assert.deepEqual(application.connection.health(), { status: 'up', problems: [] });

    assert.ok(application.noticesOf('broker:connected').length > 0, 'a connection says when it is there');

    await application.close();
    const { status, problems } = application.connection.health();
    assert.equal(status, 'down', 'a connection that is closed says that it is down');
    assert.ok(problems.length > 0, 'and says why');
  },
};
