/** A delivery's way in: decode, validate, lanes, verdict, dead letter, drain. Knows no broker and no Nest. */
export { answerTo, type Answer } from './runner/answer.js';
export { classify, type Classification, type Classifier } from './retry/classification.js';
export { type BatchHandler } from './runner/batch.js';
export { BATCH_DEFAULTS, type BatchOptions } from './runner/batch-options.js';
export {
  CONSUMING_DEFAULTS,
  CONSUMING_RULES,
  resolveConsumingOptions,
  type ConsumingOptions,
  type ResolvedConsumingOptions,
  type UnknownTypePolicy,
} from './consuming-options.js';
export { Consumer, type SubscriptionSummary } from './consumer.js';
export type { ConsumerSettings } from './subscription/consumer-settings.js';
export {
  DeadLetterAdmin,
  DEAD_LETTER_LIMIT,
  type DeadLetterSelection,
  type DeadLetterReport,
  type FingerprintCount,
  type ReplayOptions,
} from './dead-letter-admin/dead-letter-admin.js';
export { DEAD_LETTER_ADMIN_GROUP } from './dead-letter-admin/reading.js';
export type { StoredDeadLetter } from './dead-letter-admin/stored-dead-letter.js';
export { askForFacts, NOT_ASKED, type FactsAnswer } from './guarantee/broker-facts.js';
export { guaranteeOf, publishingGuaranteeOf } from './guarantee/guarantee.js';
export type { Guarantees } from './guarantee/guarantees.js';
export { defaultDeadLetterTopic } from './dead-letter/dead-letter.js';
export { DeadLetter, Drop, RetryAfter } from './runner/outcomes.js';
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
export { RETRY_DEFAULTS, RETRY_RULES, type ErrorClass, type RetryOptions } from './retry/retry-options.js';
export type { Handler } from './runner/handler.js';
export type { Refusal, Route } from './runner/route.js';
export type { SubscriptionPlan } from './subscription/subscription-plan.js';
export type { SubscriptionControl } from './subscription/subscription-control.js';
export type { ReplayReport, ReplayWindow } from './replay/window-replay.js';
