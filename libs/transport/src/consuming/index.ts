/** A delivery's way in: decode, validate, lanes, verdict, dead letter, drain. Knows no broker and no Nest. */
export { answerTo, type Answer } from './answer.js';
export { classify, type Classification, type Classifier } from './classification.js';
export { BATCH_DEFAULTS, type BatchHandler, type BatchOptions } from './batch.js';
export {
  CONSUMING_DEFAULTS,
  CONSUMING_RULES,
  resolveConsumingOptions,
  type ConsumingOptions,
  type ResolvedConsumingOptions,
  type UnknownTypePolicy,
} from './consuming-options.js';
export { Consumer, type ConsumerSettings, type SubscriptionSummary } from './consumer.js';
export {
  DeadLetterDesk,
  DESK_LIMIT,
  type DeadLetterSelection,
  type DeskReport,
  type FingerprintCount,
  type ReplayOptions,
} from './desk/dead-letter-desk.js';
export { DESK_GROUP } from './desk/reading.js';
export type { StoredDeadLetter } from './desk/stored-dead-letter.js';
export { askForFacts, NOT_ASKED, type FactsAnswer } from './broker-facts.js';
export { guaranteeOf, publishingGuaranteeOf } from './guarantee.js';
export type { Guarantees } from './guarantees.js';
export { defaultDeadLetterTopic } from './dead-letter.js';
export { DeadLetter, Drop, RetryAfter } from './outcomes.js';
export {
  circuitBreaker,
  CIRCUIT_BREAKER_DEFAULTS,
  rateLimit,
  throttle,
  timeout,
  type CircuitBreakerOptions,
  type Policy,
  type PolicyFunction,
  type PolicyHandler,
  type PolicyHost,
  type PolicyKind,
  type RateLimitOptions,
  type StandardPolicy,
  type ThrottleOptions,
  type TimeoutOptions,
} from './policies/index.js';
export { RETRY_DEFAULTS, RETRY_RULES, type ErrorClass, type RetryOptions } from './retry-options.js';
export type { Handler, Refusal, Route, SubscriptionPlan } from './route.js';
export type { SubscriptionControl } from './subscription-control.js';
export type { ReplayReport, ReplayWindow } from './window-replay.js';
