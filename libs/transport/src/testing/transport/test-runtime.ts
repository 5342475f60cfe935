import type { SubscriptionPlan } from '../../consuming/index.js';
import type { ResolvedModuleOptions } from '../../nest/module-options.js';
import { TransportRuntime } from '../../nest/transport-runtime.js';
import { observed } from './observed-plan.js';
import type { TestWorld } from './test-world.js';

/** The transport of an application under test: everything is real but its world and its brokers. */
export class TestRuntime extends TransportRuntime {
  readonly #testWorld: TestWorld;

  constructor(options: ResolvedModuleOptions, world: TestWorld) {
    super(options, world);
    this.#testWorld = world;
    world.listen(this.notices);
  }

  override prepare(plans: ReadonlyMap<string, readonly SubscriptionPlan[]>, tracksHandlers: boolean): void {
    const world = this.#testWorld;
    const watched = [...plans].map(
      ([name, ofBroker]) => [name, ofBroker.map((plan) => observed(plan, world))] as const,
    );
    super.prepare(new Map(watched), tracksHandlers);
  }
}
