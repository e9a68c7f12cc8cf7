import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { UnknownCommandError, WrongTypeError } from '../../src/errors/errors.ts';
import { Decoder, INCOMPLETE } from '../../src/resp/decoding/decoder.ts';
import { encodeCommand, encodeWords } from '../../src/resp/encoder.ts';
import { ReplyMap, ReplySet } from '../../src/resp/reply-map.ts';
import type { RedisValue, Reply } from '../../src/resp/types.ts';
import type { DecodeMode } from '../../src/resp/text-modes.ts';

/** The codec against a real server, over a bare socket: one command at a time, pushes set aside. */
let server: ChildProcess;
let folder: string;
let port: number;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return free;
}

class Wire {
  readonly pushes: Reply[] = [];
  readonly #socket: Socket;
  readonly #decoder = new Decoder();
  #mode: DecodeMode = 1;
  #answer: ((value: Reply) => void) | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#decoder.feed(chunk, 0, chunk.length);
      for (let value = this.#read(); value !== INCOMPLETE; value = this.#read()) {
        if (this.#decoder.kind === 2) this.pushes.push(value);
        else this.#answer?.(value);
      }
      this.#decoder.retain();
    });
  }

  #read(): Reply | typeof INCOMPLETE {
    return this.#decoder.read(this.#mode, 1);
  }

  call(command: string, args: RedisValue[] = [], mode: DecodeMode = 1): Promise<Reply> {
    this.#mode = mode;
    const wire = encodeCommand(encodeWords(command), args, 1);
    for (const piece of typeof wire === 'string' ? [wire] : wire) {
      if (typeof piece === 'string') this.#socket.write(piece, 'latin1');
      else this.#socket.write(piece);
    }
    return new Promise((resolve) => (this.#answer = resolve));
  }

  get idle(): boolean {
    return this.#decoder.idle;
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function open(protocol: 2 | 3): Promise<Wire> {
  const socket = createConnection(port, '127.0.0.1');
  await once(socket, 'connect');
  const wire = new Wire(socket);
  await wire.call('HELLO', [protocol]);
  return wire;
}

before(async () => {
  port = await freePort();
  folder = await mkdtemp(join(tmpdir(), 'resp-'));
  server = spawn(
    'redis-server',
    [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--dir',
      folder,
      '--enable-debug-command',
      'yes',
    ],
    { stdio: 'ignore' },
  );
  for (let i = 0; i < 100; i++) {
    try {
      const socket = createConnection(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
      return;
    } catch {
      await delay(50);
    }
  }
  throw new Error('the server did not start');
});

after(async () => {
  server.kill();
  if (server.exitCode === null) await once(server, 'exit');
  await rm(folder, { recursive: true });
});

const RESP3: Record<string, Reply> = {
  string: 'Hello World',
  integer: 12345,
  double: 3.141,
  null: null,
  array: [0, 1, 2],
  set: new ReplySet([0, 1, 2]),
  map: new ReplyMap([
    [0, false],
    [1, true],
    [2, false],
  ]),
  attrib: 'Some real reply following the attribute',
  verbatim: 'This is a verbatim\nstring',
  true: true,
  false: false,
  bignum: 1234567999999999999999999999999999999n,
};

for (const [type, value] of Object.entries(RESP3)) {
  test(`RESP3 DEBUG PROTOCOL ${type} is read as its type`, async () => {
    const wire = await open(3);
    assert.deepEqual(await wire.call('DEBUG PROTOCOL', [type]), value);
    assert.equal(await wire.call('PING'), 'PONG');
    assert.ok(wire.idle);
    wire.close();
  });
}

test('RESP3 DEBUG PROTOCOL push is set aside, and the reply stays', async () => {
  const wire = await open(3);
  assert.equal(await wire.call('DEBUG PROTOCOL', ['push']), 'Some real reply following the push reply');
  assert.equal(await wire.call('PING'), 'PONG');
  assert.deepEqual(wire.pushes, [['server-cpu-usage', 42]]);
  wire.close();
});

test('RESP2 DEBUG PROTOCOL types are read as their RESP2 shapes', async () => {
  const wire = await open(2);
  const expected: Record<string, Reply> = {
    string: 'Hello World',
    integer: 12345,
    double: '3.141',
    null: null,
    array: [0, 1, 2],
    set: [0, 1, 2],
    map: [0, 0, 1, 1, 2, 0],
    verbatim: 'This is a verbatim\nstring',
    true: 1,
    false: 0,
    bignum: '1234567999999999999999999999999999999',
  };
  for (const [type, value] of Object.entries(expected)) {
    assert.deepEqual(await wire.call('DEBUG PROTOCOL', [type]), value, type);
  }
  wire.close();
});

for (const protocol of [2, 3] as const) {
  test(`RESP${protocol} reads the values of a real server`, async () => {
    const wire = await open(protocol);
    const big = Buffer.alloc(5 << 20, 0xe9);
    await wire.call('DEL', ['big', 'hash', 'list', 'text']);
    assert.equal(await wire.call('SET', ['big', big]), 'OK');
    assert.deepEqual(await wire.call('GET', ['big']), big);
    assert.deepEqual(await wire.call('GET', ['big'], 0), big);
    await wire.call('SET', ['text', 'žluťoučký kůň 😀'.repeat(10000)]);
    assert.equal(await wire.call('GET', ['text']), 'žluťoučký kůň 😀'.repeat(10000));
    await wire.call('HSET', ['hash', 'a', 1, 'b', 2.5, 'c', 3n]);
    const hash = await wire.call('HGETALL', ['hash'], 0);
    const map = protocol === 3 ? (hash as ReplyMap) : null;
    if (map !== null)
      assert.deepEqual(
        ['a', 'b', 'c'].map((key) => String(map.get(key))),
        ['1', '2.5', '3'],
      );
    else assert.deepEqual((hash as Buffer[]).map(String), ['a', '1', 'b', '2.5', 'c', '3']);
    await wire.call('RPUSH', ['list', ...Array.from({ length: 20000 }, (_, i) => `item ${i}`)]);
    const list = (await wire.call('LRANGE', ['list', 0, -1])) as string[];
    assert.deepEqual([list.length, list[0], list[19999]], [20000, 'item 0', 'item 19999']);
    assert.equal(await wire.call('INCRBY', ['n' + protocol, '9223372036854775807']), 2n ** 63n - 1n);
    assert.ok((await wire.call('INCR', ['list'])) instanceof WrongTypeError);
    assert.ok((await wire.call('NOSUCH', [Buffer.from([0xff])])) instanceof UnknownCommandError);
    assert.ok(
      ((await wire.call('EVAL', ['return {1, redis.error_reply("ERR x")}', 0])) as Reply[])[1] instanceof
        Error,
    );
    wire.close();
  });
}
