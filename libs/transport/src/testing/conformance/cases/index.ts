import type { ConformanceCase } from '../conformance-case.js';
import { aBatchFailsMessageByMessage } from './a-batch-fails-message-by-message.js';
import { aBreakerWaitsForWhatAllNeed } from './a-breaker-waits-for-what-all-need.js';
import { aDeployMayAddATopic } from './a-deploy-may-add-a-topic.js';
import { aHandlerCanAnswer } from './a-handler-can-answer.js';
import { aWindowCanBeReplayed } from './a-window-can-be-replayed.js';
import { aPatternTakesManyTopics } from './a-pattern-takes-many-topics.js';
import { aMessageCanWait } from './a-message-can-wait.js';
import { aPauseHoldsAndLosesNothing } from './a-pause-holds-and-loses-nothing.js';
import { askingMakesNothing } from './asking-makes-nothing.js';
import { aPartitionCanBeNamed } from './a-partition-can-be-named.js';
import { anotherMemberTakesOver } from './another-member-takes-over.js';
import { attemptsAreCountedAndDelayed } from './attempts-are-counted-and-delayed.js';
import { attemptsSurviveTheProcess } from './attempts-survive-the-process.js';
import { brokerUnreachableAtStart } from './broker-unreachable-at-start.js';
import { brokerRestartLosesNothing } from './broker-restart-loses-nothing.js';
import { closingAndReopeningLosesNothing } from './closing-and-reopening-loses-nothing.js';
import { closingFlushesPublishes } from './closing-flushes-publishes.js';
import { contentTypesDecideWhoReads } from './content-types-decide-who-reads.js';
import { deadLetterIsConfirmedFirst } from './dead-letter-is-confirmed-first.js';
import { deadLetterThatCannotBeStored } from './dead-letter-that-cannot-be-stored.js';
import { deadLettersCanBeWorkedWith } from './dead-letters-can-be-worked-with.js';
import { deadLettersOnceWithHeaders } from './dead-letters-once-with-headers.js';
import { drainEndsAtItsDeadline } from './drain-ends-at-its-deadline.js';
import { drainFinishesWhatRuns } from './drain-finishes-what-runs.js';
import { everyInstanceGetsAll } from './every-instance-gets-all.js';
import { failureIsNotPassedByLaterSuccess } from './failure-is-not-passed-by-later-success.js';
import { foreignMessagesAreTakenAsTheyAre } from './foreign-messages-are-taken-as-they-are.js';
import { groupsEachGetAll } from './groups-each-get-all.js';
import { headersArriveWithThePayload } from './headers-arrive-with-the-payload.js';
import { healthTellsTheTruth } from './health-tells-the-truth.js';
import { inFlightIsBounded } from './in-flight-is-bounded.js';
import { lateHandlersAreWaitedFor } from './late-handlers-are-waited-for.js';
import { manyCloseAtOnce } from './many-close-at-once.js';
import { manyPublishersAndSubscribers } from './many-publishers-and-subscribers.js';
import { membersComeAndGo } from './members-come-and-go.js';
import { membersShareAGroup } from './members-share-a-group.js';
import { messagesWithoutABodyArrive } from './messages-without-a-body-arrive.js';
import { newGroupCanStartAtAMoment } from './new-group-can-start-at-a-moment.js';
import { newGroupCanStartAtAnOffset } from './new-group-can-start-at-an-offset.js';
import { newGroupCanStartWithWhatComesNext } from './new-group-can-start-with-what-comes-next.js';
import { newGroupStartsAtTheBeginning } from './new-group-starts-at-the-beginning.js';
import { nothingIsLeftOpen } from './nothing-is-left-open.js';
import { orderOfAPartition } from './order-of-a-partition.js';
import { orderPerKeyAcrossMembers } from './order-per-key-across-members.js';
import { orderPerKeyUnderConcurrency } from './order-per-key-under-concurrency.js';
import { orderPerKeyUnderRedelivery } from './order-per-key-under-redelivery.js';
import { otherKeysGoOn } from './other-keys-go-on.js';
import { oversizeMessagesAreRefusedAlone } from './oversize-messages-are-refused-alone.js';
import { payloadIdAndKeyArriveIntact } from './payload-id-and-key-arrive-intact.js';
import { predecessorIsSettledFirst } from './predecessor-is-settled-first.js';
import { publishFailuresSurface } from './publish-failures-surface.js';
import { publishingNeedsAnOpenApplication } from './publishing-needs-an-open-application.js';
import { redeliversAfterFailure } from './redelivers-after-failure.js';
import { schemaFailuresNameTheField } from './schema-failures-name-the-field.js';
import { settlingLateOrTwiceDoesNothing } from './settling-late-or-twice-does-nothing.js';
import { tiersWaitOnTheBroker } from './tiers-wait-on-the-broker.js';
import { topicsDoNotCross } from './topics-do-not-cross.js';
import { typesOfOneTopicKeepTheirOrder } from './types-of-one-topic-keep-their-order.js';
import { undecodableMessagesAreDeadLettered } from './undecodable-messages-are-dead-lettered.js';
import { unknownTypesGoByPolicy } from './unknown-types-go-by-policy.js';
import { unusualPayloadsArriveByteForByte } from './unusual-payloads-arrive-byte-for-byte.js';
import { aLetterMayBeLargerThanItsOriginal } from './a-letter-may-be-larger-than-its-original.js';
import { everyFailureIsADeadLetter } from './every-failure-is-a-dead-letter.js';
import { groupsShareADeadLetterTopic } from './groups-share-a-dead-letter-topic.js';
import { concurrentSendersKeepApart } from './concurrent-senders-keep-apart.js';
import { aStuckTopicDelaysOnlyItself } from './a-stuck-topic-delays-only-itself.js';
import { closingEndsAStart } from './closing-ends-a-start.js';
import { whatPoliciesKeepBackIsUnsettled } from './what-policies-keep-back-is-unsettled.js';
import { aRefusedSettlementIsReported } from './a-refused-settlement-is-reported.js';
import { messagesLeftBehindAreCounted } from './messages-left-behind-are-counted.js';

/** Every conformance case, one file each, in the order of a reader's questions. */
export const CONFORMANCE_CASES: readonly ConformanceCase[] = [
  // A message arrives as it was published
  payloadIdAndKeyArriveIntact,
  headersArriveWithThePayload,
  unusualPayloadsArriveByteForByte,
  messagesWithoutABodyArrive,
  foreignMessagesAreTakenAsTheyAre,
  // Everybody gets what is theirs
  manyPublishersAndSubscribers,
  topicsDoNotCross,
  groupsEachGetAll,
  membersShareAGroup,
  anotherMemberTakesOver,
  membersComeAndGo,
  aDeployMayAddATopic,
  everyInstanceGetsAll,
  aPatternTakesManyTopics,
  newGroupStartsAtTheBeginning,
  newGroupCanStartWithWhatComesNext,
  newGroupCanStartAtAMoment,
  newGroupCanStartAtAnOffset,
  aWindowCanBeReplayed,
  // Order is kept
  predecessorIsSettledFirst,
  orderPerKeyUnderConcurrency,
  orderPerKeyUnderRedelivery,
  orderPerKeyAcrossMembers,
  orderOfAPartition,
  typesOfOneTopicKeepTheirOrder,
  aPartitionCanBeNamed,
  // A failure is not the end
  redeliversAfterFailure,
  attemptsAreCountedAndDelayed,
  attemptsSurviveTheProcess,
  tiersWaitOnTheBroker,
  otherKeysGoOn,
  failureIsNotPassedByLaterSuccess,
  lateHandlersAreWaitedFor,
  aBatchFailsMessageByMessage,
  aBreakerWaitsForWhatAllNeed,
  // What cannot be handled is kept
  deadLettersOnceWithHeaders,
  deadLetterIsConfirmedFirst,
  deadLetterThatCannotBeStored,
  aLetterMayBeLargerThanItsOriginal,
  deadLettersCanBeWorkedWith,
  everyFailureIsADeadLetter,
  groupsShareADeadLetterTopic,
  undecodableMessagesAreDeadLettered,
  contentTypesDecideWhoReads,
  schemaFailuresNameTheField,
  unknownTypesGoByPolicy,
  // Bounds, settlements, answers
  inFlightIsBounded,
  aPauseHoldsAndLosesNothing,
  settlingLateOrTwiceDoesNothing,
  aRefusedSettlementIsReported,
  aHandlerCanAnswer,
  aMessageCanWait,
  // Publishing tells the truth
  publishFailuresSurface,
  concurrentSendersKeepApart,
  aStuckTopicDelaysOnlyItself,
  oversizeMessagesAreRefusedAlone,
  publishingNeedsAnOpenApplication,
  // Starting, stopping, outages
  brokerUnreachableAtStart,
  closingEndsAStart,
  brokerRestartLosesNothing,
  drainFinishesWhatRuns,
  drainEndsAtItsDeadline,
  whatPoliciesKeepBackIsUnsettled,
  closingFlushesPublishes,
  closingAndReopeningLosesNothing,
  manyCloseAtOnce,
  healthTellsTheTruth,
  messagesLeftBehindAreCounted,
  askingMakesNothing,
  nothingIsLeftOpen,
];
