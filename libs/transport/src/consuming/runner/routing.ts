import { WIRE_HEADERS, type Codec, type Delivery } from '../../contract/index.js';
import { jsonCodec } from '../../shared/index.js';
import type { UnknownTypePolicy } from '../consuming-options.js';
import { decoderOf, type Decode } from './decode.js';
import type { Route } from './route.js';

/** A route with its decoder. */
export interface ReadyRoute extends Route {
  readonly decode: Decode;
}

/** Returns the route of a delivery; undefined if no handler takes its type. */
export type Router = (delivery: Delivery) => ReadyRoute | undefined;

/**
 * Routes by the `message-type` header. A message without one, as foreign programs write, goes to the only handler, or
 * to the handler for the topic's own name.
 * @param codec for routes without their own
 */
export function routerOf(given: readonly Route[], codec: Codec = jsonCodec): Router {
  const routes = given.map((route) => ({ ...route, decode: decoderOf(route.codec, codec) }));
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

/** A topic with several types is expected to carry some that this service does not handle. */
export function defaultUnknownTypePolicy(topic: string, routes: readonly Route[]): UnknownTypePolicy {
  return routes.some(({ type }) => type !== undefined && type !== topic) ? 'ignore' : 'dead-letter';
}
