import { WIRE_HEADERS, type Codec, type Delivery } from '../../contract/index.js';
import { jsonCodec } from '../../shared/index.js';
import type { UnknownTypePolicy } from '../consuming-options.js';
import { decoderOf, type Decode } from './decode.js';
import type { Route } from './route.js';

/** A route that knows how its messages are read. */
export interface ReadyRoute extends Route {
  readonly decode: Decode;
}

/** Finds the route of a delivery; undefined when nobody takes its type. */
export type Router = (delivery: Delivery) => ReadyRoute | undefined;

/**
 * A message says its type in the `message-type` header. Without one, which is how foreign programs write, it goes to the
 * only handler there is, or to the handler of the topic's own name.
 * @param codec of what has none of its own
 */
export function routerOf(wanted: readonly Route[], codec: Codec = jsonCodec): Router {
  const routes = wanted.map((route) => ({ ...route, decode: decoderOf(route.codec, codec) }));
  const catchAll = routes.find(({ type }) => type === undefined);
  const [only] = routes;
  if (routes.length === 1 && only !== undefined) return singleRouter(only);
  const byType = new Map(routes.map((route) => [route.type, route]));
  return (delivery) => byType.get(delivery.type) ?? catchAll;
}

function singleRouter(only: ReadyRoute): Router {
  if (only.type === undefined) return () => only;
  return (delivery) => {
    const type = delivery.header(WIRE_HEADERS.type);
    return type === undefined || type === only.type ? only : undefined;
  };
}

/** A topic that carries several types is expected to carry some that this service does not care for. */
export function defaultUnknownTypePolicy(topic: string, routes: readonly Route[]): UnknownTypePolicy {
  return routes.some(({ type }) => type !== undefined && type !== topic) ? 'ignore' : 'dead-letter';
}
