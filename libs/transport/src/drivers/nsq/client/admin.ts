import { NsqError } from './failure.js';
import { ask } from './http.js';

/** One channel, as nsqd counts it. */
export interface ChannelStats {
  readonly channel_name: string;
  /** Messages that wait. */
  readonly depth: number;
  /** Messages that a consumer has and has not settled. */
  readonly in_flight_count: number;
  /** Messages that wait for a time: REQ and DPUB. */
  readonly deferred_count: number;
  /** An operator has stopped delivery. */
  readonly paused: boolean;
  readonly clients?: readonly { readonly client_id: string; readonly ready_count: number }[];
}

/** One topic, as nsqd counts it; `depth` is what no channel has been given yet. */
export interface TopicStats {
  readonly topic_name: string;
  /** Messages that no channel has been given yet. */
  readonly depth: number;
  /** An operator has stopped delivery to all channels. */
  readonly paused: boolean;
  readonly channels: readonly ChannelStats[];
}

/**
 * The HTTP side of one nsqd, for set-up and for looking. n.b. it knows no login: whoever reaches the port may delete topics.
 * @example new NsqdAdmin('http://127.0.0.1:4151').createChannel('orders', 'mail')
 */
export class NsqdAdmin {
  readonly #base: string;
  readonly #timeoutMs: number;

  constructor(url: string, timeoutMs = 5_000) {
    this.#base = url;
    this.#timeoutMs = timeoutMs;
  }

  /** One that is there already is left as it is. @throws NsqError when nsqd does not answer with 200 */
  createTopic = (topic: string): Promise<void> => this.#post('/topic/create', { topic });
  /** With all its channels and all that waits in them. @throws NsqError for one that is not there */
  deleteTopic = (topic: string): Promise<void> => this.#post('/topic/delete', { topic });
  /**
   * Creates the topic too, if it is not there. Call it before the first publish, so that the channel misses nothing: the first
   * channel of a topic gets what waits there, later ones only what comes. @throws NsqError when nsqd does not answer with 200
   */
  createChannel = async (topic: string, channel: string): Promise<void> => {
    await this.createTopic(topic);
    await this.#post('/channel/create', { topic, channel });
  };
  /** With all that waits in it; its consumers are disconnected. @throws NsqError for one that is not there */
  deleteChannel = (topic: string, channel: string): Promise<void> => this.#post('/channel/delete', { topic, channel });

  /** Delivery stops, and messages wait. @throws NsqError for one that is not there */
  pauseChannel = (topic: string, channel: string): Promise<void> => this.#post('/channel/pause', { topic, channel });
  /** Delivery goes on. @throws NsqError for one that is not there */
  unpauseChannel = (topic: string, channel: string): Promise<void> =>
    this.#post('/channel/unpause', { topic, channel });
  /** Messages wait in the topic, and reach none of its channels. @throws NsqError for one that is not there */
  pauseTopic = (topic: string): Promise<void> => this.#post('/topic/pause', { topic });
  /** The channels get what waits. @throws NsqError for one that is not there */
  unpauseTopic = (topic: string): Promise<void> => this.#post('/topic/unpause', { topic });
  /** All that waits in it is discarded. @throws NsqError for one that is not there */
  emptyChannel = (topic: string, channel: string): Promise<void> => this.#post('/channel/empty', { topic, channel });

  /** Of one topic, or of all; empty where nsqd has no such topic. */
  async stats(topic?: string): Promise<readonly TopicStats[]> {
    const query = { format: 'json', ...(topic === undefined ? {} : { topic }) };
    const { topics } = (await this.#get('/stats', query)) as { topics: readonly TopicStats[] | null };
    return topics ?? [];
  }

  /** One topic with one of its channels, without its clients; undefined where nsqd has no such topic. Cheap for nsqd. */
  async channelStats(topic: string, channel: string): Promise<TopicStats | undefined> {
    const query = { format: 'json', topic, channel, include_clients: 'false', include_mem: 'false' };
    const { topics } = (await this.#get('/stats', query)) as { topics: readonly TopicStats[] | null };
    return topics?.[0];
  }

  /** One setting of the server: `config('mem_queue_size')`. */
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
