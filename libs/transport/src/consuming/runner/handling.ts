import { shown, TransportError, validate, type Delivery } from '../../contract/index.js';
import { isDeadLetterTopic } from '../dead-letter/dead-letter.js';
import type { ReadyRoute } from './routing.js';
import type { RunnerPlan } from './runner-plan.js';

/** The result for a type that the subscription ignores. */
export const IGNORED = Symbol('ignored');

/** Decodes, validates and passes one delivery to its handler. On the hot path it awaits only Promises. */
export class Handling {
  readonly #plan: RunnerPlan;

  constructor(plan: RunnerPlan) {
    this.#plan = plan;
  }

  /** Returns the handler's result, or `IGNORED`. @throws errors of the codec, the schema or the handler */
  handle(delivery: Delivery): unknown {
    if (this.#plan.leavesDeadLetters && isDeadLetterTopic(delivery.topic)) return IGNORED;
    const route = this.#plan.route(delivery);
    if (route === undefined) return this.#handleUnknownType(delivery);
    const payload = route.decode(delivery);
    return payload instanceof Promise
      ? this.#decodeLater(route, payload, delivery)
      : this.#handleDecoded(route, payload, delivery);
  }

  nobodyTakes({ type, topic, group }: Delivery): string {
    return `no handler of group "${group}" takes messages of type "${shown(type)}" from topic "${topic}"`;
  }

  async #decodeLater(route: ReadyRoute, payload: Promise<unknown>, delivery: Delivery): Promise<unknown> {
    return this.#handleDecoded(route, await payload, delivery);
  }

  #handleDecoded(route: ReadyRoute, payload: unknown, delivery: Delivery): unknown {
    if (route.schema === undefined || !this.#plan.options.validate) return route.handle(payload, delivery);
    const valid = validate(route.schema, payload, route.type ?? delivery.topic);
    return valid instanceof Promise ? this.#handleLater(route, valid, delivery) : route.handle(valid, delivery);
  }

  async #handleLater(route: ReadyRoute, payload: Promise<unknown>, delivery: Delivery): Promise<unknown> {
    return route.handle(await payload, delivery);
  }

  /** An ignored type creates no error, because it is the common case on a topic with many types. */
  #handleUnknownType(delivery: Delivery): typeof IGNORED {
    if (this.#plan.unknownType === 'ignore') return IGNORED;
    throw new TransportError('TRANSPORT_TYPE_UNHANDLED', `${this.nobodyTakes(delivery)}; add one with @Subscribe`);
  }
}
