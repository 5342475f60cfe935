/** Policies that wrap a handler: a timeout, a rate limit, and a pause while everything fails. */
export { circuitBreaker, CIRCUIT_BREAKER_DEFAULTS, type CircuitBreakerOptions } from './circuit-breaker.js';
export { withPolicies } from './host.js';
export { rateLimit, throttle, type RateLimitOptions, type ThrottleOptions } from './pace.js';
export type { Policy, PolicyFunction, PolicyHandler, PolicyHost, PolicyKind, StandardPolicy } from './policy.js';
export { timeout, type TimeoutOptions } from './timeout.js';
