import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Channel } from '../../../src/pubsub/channels/channel.ts';
import { KINDS } from '../../../src/pubsub/subscriptions/subscription-kinds.ts';
import type {
  SubscriptionCommand,
  SubscriptionKind,
} from '../../../src/pubsub/subscriptions/subscription-kinds.ts';
import type { SubscriptionLink } from '../../../src/pubsub/subscriptions/subscription-link.ts';
import { Subscriptions } from '../../../src/pubsub/subscriptions/subscriptions.ts';

const NAMES = ['a', 'b'];

interface Listener {
  readonly channel: Channel;
  readonly kind: SubscriptionKind;
  readonly name: string;
  /** Numbers received; 'gap' between them. */
  readonly log: (number | 'gap')[];
}

/** A registry against a server that answers late, loses connections and takes shard channels away. */
class World {
  link: SubscriptionLink | null = null;
  readonly registry: Subscriptions;
  readonly listeners: Listener[] = [];
  readonly calls: Promise<unknown>[] = [];
  #sets = new Map<SubscriptionKind, Set<string>>(KINDS.map((kind) => [kind, new Set()]));
  #toServer: SubscriptionCommand[] = [];
  #toClient: (readonly (Buffer | number)[])[] = [];
  #published = 0;

  constructor() {
    this.registry = new Subscriptions({
      makeChannel: (kind, name) => this.#listen(kind, name.toString()).channel,
      onWork: () => {},
    });
  }

  #listen(kind: SubscriptionKind, name: string): Listener {
    const log: (number | 'gap')[] = [];
    const channel = new Channel(name, { isPattern: kind === 'pattern' });
    const listener: Listener = { channel, kind, name, log };
    const put = channel.putNowait.bind(channel);
    channel.putNowait = (data) => {
      put(data);
      const message = (Array.isArray(data) ? data[1] : data) as Buffer;
      listener.log.push(Number(message.toString()));
    };
    channel.gap = () => void listener.log.push('gap');
    this.listeners.push(listener);
    return listener;
  }

  want(kind: SubscriptionKind, name: string, object: boolean): void {
    const target = object ? this.#listen(kind, name).channel : name;
    // Left before its acknowledgement, it ends with the connection, or with nothing sent.
    const given = (error: Error): void => assert.match(error.message, /before its subscription was ack/);
    this.calls.push(this.registry.want(kind, [target]).promise.catch(given));
  }
  unwant(kind: SubscriptionKind, name: string): void {
    this.calls.push(this.registry.unwant(kind, [name]).promise);
  }
  connect(): void {
    this.link ??= this.registry.attach();
  }
  lose(): void {
    this.link?.lost(Date.now(), new Error('lost'));
    this.link = null;
    for (const set of this.#sets.values()) set.clear();
    this.#toServer = [];
    this.#toClient = [];
  }
  write(): void {
    for (const command of [...(this.link?.missing() ?? []), ...(this.link?.surplus() ?? [])]) {
      this.link?.sent(command);
      this.#toServer.push(command);
    }
  }
  serve(): void {
    const command = this.#toServer.shift();
    if (command === undefined) return;
    const set = this.#sets.get(command.kind) as Set<string>;
    for (const name of command.names) {
      if (command.subscribe) set.add(name.toString());
      else set.delete(name.toString());
      this.#toClient.push([Buffer.from(command.command.toLowerCase()), name, set.size]);
    }
  }
  takeAway(name: string): void {
    const set = this.#sets.get('shard') as Set<string>;
    if (set.delete(name)) this.#toClient.push([Buffer.from('sunsubscribe'), Buffer.from(name), set.size]);
  }
  publish(kind: SubscriptionKind, name: string): void {
    const number = Buffer.from(String(this.#published++));
    if (this.#sets.get(kind)?.has(name) !== true) return;
    const word = Buffer.from({ channel: 'message', pattern: 'pmessage', shard: 'smessage' }[kind]);
    const named = Buffer.from(name);
    this.#toClient.push(kind === 'pattern' ? [word, named, named, number] : [word, named, number]);
  }
  read(): void {
    const push = this.#toClient.shift();
    if (push !== undefined && this.link?.message([...push]) === false) this.link.acknowledged([...push]);
  }

  rounds(count: number): void {
    this.connect();
    for (let round = 0; round < count; round++) {
      this.write();
      this.serve();
      this.read();
    }
  }
  rest(): void {
    this.rounds(200);
    assert.deepEqual([...(this.link?.missing() ?? []), ...(this.link?.surplus() ?? [])], []);
    assert.equal(this.#toServer.length + this.#toClient.length, 0);
  }
  serverSet(kind: SubscriptionKind): string[] {
    return [...(this.#sets.get(kind) as Set<string>)].sort();
  }
}

type Step = (world: World) => void;
const kinds = fc.constantFrom(...KINDS);
const names = fc.constantFrom(...NAMES);
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(kinds, names, fc.boolean()).map<Step>(
    ([kind, name, object]) =>
      (w) =>
        w.want(kind, name, object),
  ),
  fc.tuple(kinds, names).map<Step>(
    ([kind, name]) =>
      (w) =>
        w.unwant(kind, name),
  ),
  {
    weight: 3,
    arbitrary: fc.tuple(kinds, names).map<Step>(
      ([kind, name]) =>
        (w) =>
          w.publish(kind, name),
    ),
  },
  names.map<Step>((name) => (w) => w.takeAway(name)),
  fc.constant<Step>((w) => w.connect()),
  fc.constant<Step>((w) => w.lose()),
  fc.constant<Step>((w) => w.write()),
  fc.constant<Step>((w) => w.serve()),
  fc.constant<Step>((w) => w.read()),
  fc.nat(5).map<Step>((count) => (w) => w.rounds(count)),
);

/** Numbers that were published between two others of one uninterrupted run must have been heard. */
function checkLog(listener: Listener, heardBy: ReadonlyMap<string, number[]>): void {
  const sent = heardBy.get(`${listener.kind} ${listener.name}`) ?? [];
  let previous: number | null = null;
  for (const entry of listener.log) {
    if (entry === 'gap') {
      previous = null;
      continue;
    }
    if (previous !== null) {
      const missed = sent.filter((number) => number > (previous as number) && number < entry);
      assert.deepEqual(missed, [], `a hole without gap in ${listener.kind} ${listener.name}`);
      assert.ok(entry > previous, 'twice');
    }
    previous = entry;
  }
}

describe('Subscriptions against a random world', () => {
  it('ends with the wanted set on the server, every call settled, every hole bracketed', async () => {
    const property = fc.asyncProperty(fc.array(steps, { maxLength: 150, size: 'max' }), async (sequence) => {
      const world = new World();
      const sent = new Map<string, number[]>();
      let number = 0;
      const publish = world.publish.bind(world);
      world.publish = (kind, name) => {
        const key = `${kind} ${name}`;
        sent.set(key, [...(sent.get(key) ?? []), number++]);
        publish(kind, name);
      };
      for (const step of sequence) step(world);
      world.rest();
      for (const kind of KINDS) {
        const view = {
          channel: world.registry.channels,
          pattern: world.registry.patterns,
          shard: world.registry.shardChannels,
        };
        assert.deepEqual(world.serverSet(kind), [...view[kind].keys()].map(String).sort());
      }
      await Promise.all(world.calls);
      for (const listener of world.listeners) {
        const { channel, kind, name } = listener;
        checkLog(listener, sent);
        const before = listener.log.length;
        world.publish(kind, name);
        world.read();
        assert.equal(listener.log.length > before, channel.isActive && isHeard(world, channel, kind));
      }
    });
    await fc.assert(property, { numRuns: 500 });
  });
});

function isHeard(world: World, channel: Channel, kind: SubscriptionKind): boolean {
  const { channels, patterns, shardChannels } = world.registry;
  return { channel: channels, pattern: patterns, shard: shardChannels }[kind]
    .all(channel.name)
    .includes(channel);
}
