/** Removes from a shared NATS the streams whose subjects have this prefix, and their consumers with them. */
export async function removeNatsTraces(servers: readonly string[], prefix: string): Promise<void> {
  const [{ connect }, { jetstreamManager }] = await Promise.all([
    import('@nats-io/transport-node'),
    import('@nats-io/jetstream'),
  ]);
  const connection = await connect({ servers: [...servers], name: 'demo-cleaner' });
  try {
    const { streams } = await jetstreamManager(connection);
    for await (const { config } of streams.list(`${prefix}>`)) {
      if (config.subjects?.every((subject) => subject.startsWith(prefix))) await streams.delete(config.name);
    }
  } finally {
    await connection.close();
  }
}
