/**
 * Specs that take long, in the order in which they start (seconds of a CI run with two processors). Those that burn a processor
 * stand between those that wait for a broker, and the clusters of one broker apart from each other.
 */
export const LONG_SPECS = [
  // with brokers
  'test/conformance/kafka.kafka.spec.ts', // 203 s
  'test/smoke/schematics-12.spec.ts', // 120 s
  'test/rabbitmq/operator.rabbitmq.spec.ts', // 120 s
  'test/kafka/operator.kafka.spec.ts', // 150 s
  'test/smoke/schematics-11.spec.ts', // 110 s
  'test/conformance/rabbitmq.rabbitmq.spec.ts', // 105 s
  'test/nats/operator.nats.spec.ts', // 111 s
  'test/smoke/nest-cli.spec.ts', // 90 s
  'test/conformance/rabbitmq-fanout-single.rabbitmq.spec.ts', // 90 s
  'test/smoke/schematics.kafka.spec.ts', // 84 s
  'test/faults/killer.rabbitmq.spec.ts', // 92 s
  'test/conformance/nsq.nsq.spec.ts', // 83 s
  'test/e2e/demo.rabbitmq.spec.ts', // 75 s
  'test/brokers/rabbitmq.rabbitmq.spec.ts', // 73 s
  'test/conformance/nats.nats.spec.ts', // 63 s
  'test/kafka/cluster.kafka.spec.ts', // 68 s
  'test/nsq/operator.nsq.spec.ts', // 60 s
  'test/e2e/demo.kafka.spec.ts', // 61 s
  'test/kafka/outage.kafka.spec.ts', // 62 s
  'test/faults/killer.kafka.spec.ts', // 55 s
  'test/nats/consume.nats.spec.ts', // 50 s
  'test/conformance/nats-single.nats.spec.ts', // 48 s
  'test/smoke/getting-started.spec.ts', // 48 s
  'test/smoke/nest-11.spec.ts', // 47 s
  'test/smoke/migrate.rabbitmq.spec.ts', // 45 s
  'test/faults/crash.nats.spec.ts', // 47 s
  'test/faults/killer.nats.spec.ts', // 45 s
  'test/e2e/demo.nats.spec.ts', // 44 s
  'test/faults/crash.rabbitmq.spec.ts', // 44 s
  'test/nsq/delivery.nsq.spec.ts', // 42 s
  'test/brokers/kafka.kafka.spec.ts', // 42 s
  'test/faults/crash.kafka.spec.ts', // 42 s
  'test/faults/cluster.rabbitmq.spec.ts', // 40 s
  'test/rabbitmq/faults.rabbitmq.spec.ts', // 37 s
  'test/kafka/consume.kafka.spec.ts', // 33 s
  'test/e2e/demo.nsq.spec.ts', // 35 s
  'test/nats/single-active.nats.spec.ts', // 35 s
  'test/rabbitmq/isolation.rabbitmq.spec.ts', // 28 s
  'test/rabbitmq/later.rabbitmq.spec.ts', // 28 s
  'test/faults/crash.nsq.spec.ts', // 25 s
  'test/nats/cluster.nats.spec.ts', // 24 s
  'test/interop/apicurio.kafka.spec.ts', // 28 s
  'test/smoke/nest-12.spec.ts', // 23 s
  'test/nsq/cluster.nsq.spec.ts', // 22 s
  'test/e2e/services.kafka.spec.ts', // 21 s
  'test/faults/killer.nsq.spec.ts', // 20 s
  'test/e2e/dead-letters-command.nats.spec.ts', // 20 s
  'test/workspace/brokers-up.kafka.spec.ts', // 20 s
  // without
  'test/conformance/planted/planted.spec.ts', // 45 s
  'test/site/site.spec.ts', // 41 s
  'test/e2e/demo.spec.ts', // 35 s
  'test/conformance/mutants/mutants.spec.ts', // 30 s
  'test/conformance/random-faults.spec.ts', // 28 s
  'test/e2e/describe-command.spec.ts', // 24 s
  'test/site/refusals.spec.ts', // 24 s
  'test/conformance/tiny-driver.spec.ts', // 24 s
  'test/conformance/suite.spec.ts', // 17 s
  'test/architecture/lint.spec.ts', // 16 s
  'test/docs/code.spec.ts', // 13 s
  'test/schematics/subscriber.spec.ts', // 13 s
  'apps/inventory-service/src/server/inventory-service.spec.ts', // 12 s
  'test/e2e/signals.spec.ts', // 12 s
  'test/e2e/services.spec.ts', // 12 s
  'test/api/api.spec.ts', // 11 s
  'test/schematics/event-service.spec.ts', // 11 s
  'libs/transport/src/drivers/kafka/client/kafkajs/silent-brokers.spec.ts', // 11 s
  'apps/inventory-service/src/data/postgres-stock-repository.spec.ts', // 11 s
  'test/conformance/memory.spec.ts', // 11 s
];
