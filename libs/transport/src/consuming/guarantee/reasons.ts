import {
  GUARANTEE_REASONS,
  type BrokerFacts,
  type GuaranteeReason,
  type GuaranteeReasonCode,
} from '../../contract/index.js';

/** What a reason is true of, besides its code. */
export interface ReasonDetails {
  readonly topic?: string;
  readonly facts?: BrokerFacts;
  readonly detail?: string | undefined;
}

/** A reason in words: with the driver's own remedy where it has one. */
export function reasonFor(code: GuaranteeReasonCode, { topic, facts, detail }: ReasonDetails = {}): GuaranteeReason {
  const { effect, why, remedy } = GUARANTEE_REASONS[code];
  return {
    code,
    effect,
    ...(topic === undefined ? {} : { topic }),
    why: why.replace('%s', () => detail ?? 'several'),
    remedy: facts?.remedy?.[code] ?? remedy,
  };
}
