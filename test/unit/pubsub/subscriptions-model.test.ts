import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AuthorizationError, MovedError } from '../../../src/errors/errors.ts';
import { Channel } from '../../../src/pubsub/channels/channel.ts';
import { KINDS, readAcknowledgement } from '../../../src/pubsub/subscriptions/subscription-kinds.ts';
import type { SubscriptionKind } from '../../../src/pubsub/subscriptions/subscription-kinds.ts';
import type {
  SubscriptionCommand,
  SubscriptionLink,
} from '../../../src/pubsub/subscriptions/subscription-link.ts';
import { Subscriptions } from '../../../src/pubsub/subscriptions/subscriptions.ts';

const NAMES = ['a', 'b'];

interface Listener {
  readonly channel: Channel;
  readonly kind: SubscriptionKind;
  readonly name: string;
  /** Numbers received; 'gap' between them. */
  readonly log: (number | 'gap')[];
}

type Frame =
  | readonly (Buffer | number)[]
  | { readonly refused: SubscriptionCommand; readonly error: Error }
  | { readonly finished: SubscriptionCommand };

/** A registry against a server that answers late, loses connections and takes shard channels away. */
class World {
  link: SubscriptionLink | null = null;
  readonly registry: Subscriptions;
  readonly listeners: Listener[] = [];
  readonly calls: Promise<unknown>[] = [];
  #sets = new Map<SubscriptionKind, Set<string>>(KINDS.map((kind) => [kind, new Set()]));
  #toServer: SubscriptionCommand[] = [];
  #toClient: Frame[] = [];
  /** Shard channels whose slot has gone and not come back. */
  readonly #moved = new Set<string>();
  /** The calls that the user may not make now: `subscribe a`, `unsubscribe b`. */
  readonly #forbidden = new Set<string>();
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
    const given = (error: Error): void => {
      if (error instanceof AuthorizationError) return;
      assert.match(error.message, /before its subscription was ack/);
    };
    this.calls.push(this.registry.want(kind, [target]).promise.catch(given));
  }
  unwant(kind: SubscriptionKind, ...left: string[]): void {
    const given = (error: Error): void => assert.ok(error instanceof AuthorizationError, String(error));
    this.calls.push(this.registry.unwant(kind, left).promise.catch(given));
  }
  /** The caller gives up while it waits. */
  abandon(kind: SubscriptionKind, name: string): void {
    const call = this.registry.want(kind, [name]);
    this.calls.push(call.promise.catch((error: Error) => assert.match(error.message, /^enough$|before its/)));
    call.fail(new Error('enough'));
  }
  forbid(subscribe: boolean, name: string): void {
    this.#forbidden.add(`${subscribe} ${name}`);
  }
  allow(): void {
    this.#forbidden.clear();
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
    if (command.names.some((name) => this.#forbidden.has(`${command.subscribe} ${name}`))) {
      this.#toClient.push({ refused: command, error: new AuthorizationError('NOPERM no') });
      return;
    }
    if (command.kind === 'shard') {
      const moved = command.names.some((name) => this.#moved.has(name.toString()));
      if (moved && !command.subscribe) {
        this.#toClient.push({
          refused: command,
          error: new MovedError('MOVED 1 127.0.0.1:1', { slotId: 1, host: '127.0.0.1', port: 1 }),
        });
        return;
      }
      if (command.subscribe) this.#moved.clear();
    }
    for (const name of command.names) {
      if (command.subscribe) set.add(name.toString());
      else set.delete(name.toString());
      this.#toClient.push([Buffer.from(command.command.toLowerCase()), name, set.size]);
    }
    if (command.command === 'SUNSUBSCRIBE') this.#toClient.push({ finished: command });
  }
  /** The slot of the shard channels moves away, with all of them. */
  takeAway(): void {
    const set = this.#sets.get('shard') as Set<string>;
    for (const name of NAMES) {
      this.#moved.add(name);
      if (!set.delete(name)) continue;
      this.#toClient.push([Buffer.from('sunsubscribe'), Buffer.from(name), set.size]);
    }
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
    if (push === undefined) return;
    if ('refused' in push) return this.link?.refused(push.refused, push.error);
    if ('finished' in push) return this.link?.finished(push.finished);
    if (this.link === null || this.link.message([...push])) return;
    const ack = readAcknowledgement(push);
    if (ack === null) return;
    this.link.server.book(ack);
    this.link.acknowledged(ack);
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
    this.allow();
    this.rounds(200);
    // A refused unsubscription succeeds when it is asked for once more.
    for (const kind of KINDS) {
      const { wanted } = this.registry;
      const heard = new Set(Array.from(wanted, (one) => `${one.kind} ${one.name}`));
      for (const name of this.serverSet(kind)) if (!heard.has(`${kind} ${name}`)) this.unwant(kind, name);
    }
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
  kinds.map<Step>((kind) => (w) => w.unwant(kind, ...NAMES)),
  fc.tuple(kinds, names).map<Step>(
    ([kind, name]) =>
      (w) =>
        w.abandon(kind, name),
  ),
  fc.tuple(fc.boolean(), names).map<Step>(
    ([subscribe, name]) =>
      (w) =>
        w.forbid(subscribe, name),
  ),
  fc.constant<Step>((w) => w.allow()),
  fc.constant<Step>((w) => w.takeAway()),
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
      assert.deepEqual(missed, [], `a message missed without a gap in ${listener.kind} ${listener.name}`);
      assert.ok(entry > previous, 'twice');
    }
    previous = entry;
  }
}

describe('Subscriptions against a random world', () => {
  it('a random history ends with the wanted set on the server, every call settled and every gap reported', async () => {
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
      const settled = Promise.all(world.calls).then(() => true);
      const late = new Promise<boolean>((resolve) => setImmediate(resolve, false));
      assert.ok(await Promise.race([settled, late]), 'a call never settles');
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
