import { NsqdAdmin } from 'nest-transport/nsq/client';

/** Removes from a shared NSQ the topics that have this prefix, and their channels with them. */
export async function removeNsqTraces(
  _nsqd: readonly string[],
  prefix: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  // Every nsqd comes first: nsqlookupd would learn a topic again from one that still has it.
  for (const http of addresses(env['NSQD_HTTP'])) {
    const nsqd = new NsqdAdmin(http);
    const topics = (await nsqd.stats()).map(({ topic_name }) => topic_name);
    for (const topic of topics.filter((name) => name.startsWith(prefix))) await nsqd.deleteTopic(topic);
  }
}

const addresses = (text = ''): string[] => text.split(',').map((address) => `http://${address}`);
