import {
  GUARANTEE_REASONS,
  type BrokerFacts,
  type GuaranteeReason,
  type GuaranteeReasonCode,
} from '../../contract/index.js';

/** What a reason applies to, in addition to its code. */
export interface ReasonDetails {
  readonly topic?: string;
  readonly facts?: BrokerFacts;
  readonly detail?: string | undefined;
}

/** Builds a reason from its code, with the driver's own remedy if it has one. */
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
