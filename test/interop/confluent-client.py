# A program that we did not write, as far as possible: confluent-kafka with its own serializers. One JSON object on stdin says
# what it writes, or how many messages it reads; what it read is on stdout.
import json
import sys
import time

sys.path.insert(0, sys.argv[1])  # where its packages are

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

LIMIT_SECONDS = 60

task = json.load(sys.stdin)
registry = SchemaRegistryClient({"url": task["registry"]})
schema = json.dumps(task["schema"])
context = SerializationContext(task["topic"], MessageField.VALUE)


def write(values):
    settings = {"normalize.schemas": task.get("normalize", False)}
    serialize = (
        AvroSerializer(registry, schema, conf=settings)
        if task["format"] == "avro"
        else JSONSerializer(schema, registry, conf=settings)
    )
    producer = Producer({"bootstrap.servers": task["brokers"]})
    for value in values:
        producer.produce(task["topic"], key=value["orderId"], value=serialize(value, context))
    if producer.flush(LIMIT_SECONDS) > 0:
        raise SystemExit("not everything was written")


def read(count):
    deserialize = (
        AvroDeserializer(registry)
        if task["format"] == "avro"
        else JSONDeserializer(schema, schema_registry_client=registry)
    )
    consumer = Consumer(
        {
            "bootstrap.servers": task["brokers"],
            "group.id": task["topic"] + ".python",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([task["topic"]])
    values = []
    until = time.monotonic() + LIMIT_SECONDS
    while len(values) < count:
        if time.monotonic() > until:
            raise SystemExit(f"only {len(values)} messages came")
        message = consumer.poll(1)
        if message is not None and message.error() is None:
            values.append(deserialize(message.value(), context))
    consumer.close()
    return values


if "write" in task:
    write(task["write"])
else:
    print(json.dumps(read(task["read"])))
