import { TransportError, type Broker } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import type { RestartableBroker } from 'nest-transport/conformance';
import { wrapBroker } from 'nest-transport/testing';

/** A broker that nobody reaches, built on memory. `obeys`: whether a wait ends when it is told to. */
export function unreachable({ obeys }: { readonly obeys: boolean }): Broker {
  const error = new TransportError('TRANSPORT_BROKER_UNREACHABLE', 'No broker answered, as planned.', {
    retryable: true,
  });
  return wrapBroker(memory(), ({ notices, broker }) => ({
    connectOnce: () => Promise.reject(error),
    connect: (_, abort) => {
      notices.emit('broker:unreachable', { broker, error });
      return new Promise((_resolve, reject) => {
        const end = (): void => reject(new TransportError('TRANSPORT_CLOSED', 'The wait was ended.'));
        if (obeys) abort.addEventListener('abort', end);
      });
    },
    health: () => ({ status: 'down', problems: ['no broker answered'] }),
  }));
}

/**
 * Memory that can be away for some turns of the event loop: connects wait, sends fail, nothing is delivered.
 * @param returns whether consumers work again when it is back (kratos-transport, Kafka: they do not)
 */
export function restartable({ returns }: { readonly returns: boolean }): RestartableBroker {
  let back: Promise<void> | undefined;
  let restarts = 0;
  const away = (topic: string) =>
    new TransportError('TRANSPORT_PUBLISH_UNKNOWN', 'The broker is away.', {
      topic,
      stored: 'unknown',
      retryable: true,
    });
  const broker = wrapBroker(
    memory(),
    () => {
      const openedAfter = restarts;
      return {
        connect: (go) => (back ?? Promise.resolve()).then(go),
        send: (messages, go) =>
          back === undefined ? go(messages) : back.then(() => messages.map(({ topic }) => away(topic))),
        receive: (deliveries, go) => {
          if (!returns && restarts > openedAfter) return;
          return back === undefined ? go(deliveries) : back.then(() => go(deliveries));
        },
      };
    },
    { durability: 'native' },
  );
  const restart = async (): Promise<void> => {
    restarts++;
    back = new Promise((resolve) => setTimeout(resolve, 20));
    await back;
    back = undefined;
  };
  return { createBroker: () => broker, restart };
}
