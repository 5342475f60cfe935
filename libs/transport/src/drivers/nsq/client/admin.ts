import { NsqError } from './failure.js';
import { ask } from './http.js';

/** Counters of one channel, as nsqd reports them. */
export interface ChannelStats {
  readonly channel_name: string;
  /** Messages that wait for a consumer. */
  readonly depth: number;
  /** Messages that consumers have and have not settled. */
  readonly in_flight_count: number;
  /** Messages that wait for their time, after REQ with a delay or DPUB. */
  readonly deferred_count: number;
  /** Whether an operator has paused the channel. */
  readonly paused: boolean;
  readonly clients?: readonly { readonly client_id: string; readonly ready_count: number }[];
}

/** Counters of one topic, as nsqd reports them. */
export interface TopicStats {
  readonly topic_name: string;
  /** Messages that no channel has received yet. */
  readonly depth: number;
  /** Whether an operator has paused delivery to all channels. */
  readonly paused: boolean;
  readonly channels: readonly ChannelStats[];
}

/**
 * Manages one nsqd over its HTTP API: creates, deletes, pauses and inspects topics and channels. The API has no authentication, so
 * protect its port: anybody who reaches it can delete topics.
 * @example new NsqdAdmin('http://127.0.0.1:4151').createChannel('orders', 'mail')
 */
export class NsqdAdmin {
  readonly #base: string;
  readonly #timeoutMs: number;

  constructor(url: string, timeoutMs = 5_000) {
    this.#base = url;
    this.#timeoutMs = timeoutMs;
  }

  /** Creates a topic. An existing one stays as it is. @throws NsqError if nsqd does not reply with 200 */
  createTopic = (topic: string): Promise<void> => this.#post('/topic/create', { topic });
  /** Deletes a topic with all its channels and messages. @throws NsqError if the topic does not exist */
  deleteTopic = (topic: string): Promise<void> => this.#post('/topic/delete', { topic });
  /**
   * Creates a channel, and its topic if it is missing. Call it before the first publish, because only the first channel of a topic
   * gets the messages that wait there; later ones get only new messages.
   * @throws NsqError if nsqd does not reply with 200
   */
  createChannel = async (topic: string, channel: string): Promise<void> => {
    await this.createTopic(topic);
    await this.#post('/channel/create', { topic, channel });
  };
  /** Deletes a channel with its messages and disconnects its consumers. @throws NsqError if it does not exist */
  deleteChannel = (topic: string, channel: string): Promise<void> => this.#post('/channel/delete', { topic, channel });

  /** Pauses delivery from a channel; its messages wait. @throws NsqError if it does not exist */
  pauseChannel = (topic: string, channel: string): Promise<void> => this.#post('/channel/pause', { topic, channel });
  /** Resumes delivery from a channel. @throws NsqError if it does not exist */
  unpauseChannel = (topic: string, channel: string): Promise<void> =>
    this.#post('/channel/unpause', { topic, channel });
  /** Pauses a topic: its messages wait and reach none of its channels. @throws NsqError if it does not exist */
  pauseTopic = (topic: string): Promise<void> => this.#post('/topic/pause', { topic });
  /** Resumes a topic: its channels get the waiting messages. @throws NsqError if it does not exist */
  unpauseTopic = (topic: string): Promise<void> => this.#post('/topic/unpause', { topic });
  /** Discards all messages that wait in a channel. @throws NsqError if it does not exist */
  emptyChannel = (topic: string, channel: string): Promise<void> => this.#post('/channel/empty', { topic, channel });

  /** Returns the counters of one topic or of all topics; empty if nsqd does not have the topic. */
  async stats(topic?: string): Promise<readonly TopicStats[]> {
    const query = { format: 'json', ...(topic === undefined ? {} : { topic }) };
    const { topics } = (await this.#get('/stats', query)) as { topics: readonly TopicStats[] | null };
    return topics ?? [];
  }

  /** Returns the counters of one topic and one channel, without clients; undefined if nsqd does not have the topic. Cheap for nsqd. */
  async channelStats(topic: string, channel: string): Promise<TopicStats | undefined> {
    const query = { format: 'json', topic, channel, include_clients: 'false', include_mem: 'false' };
    const { topics } = (await this.#get('/stats', query)) as { topics: readonly TopicStats[] | null };
    return topics?.[0];
  }

  /** Returns one setting of the server: `config('mem_queue_size')`. */
  config(name: string): Promise<unknown> {
    return this.#get(`/config/${encodeURIComponent(name)}`, {});
  }

  async #get(path: string, query: Readonly<Record<string, string>>): Promise<unknown> {
    return JSON.parse(await this.#ask('GET', path, query)) as unknown;
  }

  async #post(path: string, query: Readonly<Record<string, string>>): Promise<void> {
    await this.#ask('POST', path, query);
  }

  async #ask(method: 'GET' | 'POST', path: string, query: Readonly<Record<string, string>>): Promise<string> {
    const { status, text } = await ask(method, this.#base, path, query, this.#timeoutMs);
    if (status === 200) return text;
    throw new NsqError('refused', `nsqd ${this.#base} answered ${path} with status ${status}: ${text.slice(0, 200)}`);
  }
}
