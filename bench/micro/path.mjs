// node bench/micro/path.mjs <dist> [<dist> …] [--rounds n] [--only name,…] [--bursts n,…] [--operations n]
// Measures the package's own share of a call, in nanoseconds. The server is a stream in the same process, so that no
// system call, second process or wake-up is included. Builds are measured in turn in one process.
// --operations: makes so many calls without measuring, for tools that count instructions.
import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '200' },
    only: { type: 'string' },
    bursts: { type: 'string', default: '1,64,1000' },
    operations: { type: 'string' },
  },
});

/** Every command has `length` bytes, and every command gets the same reply. */
class Script {
  length = 0;
  size = 0;
  replies = null;

  set(command, reply, most) {
    this.length = command;
    this.size = reply.length;
    this.replies = Buffer.from(reply.repeat(most));
  }
}

/** A stream that answers everything written to it one turn of the event loop later. */
class Mirror extends EventEmitter {
  writable = true;
  readable = true;
  destroyed = false;
  writableLength = 0;
  writableNeedDrain = false;
  #script;
  #greeted = false;

  constructor(script) {
    super();
    this.#script = script;
  }

  write(text) {
    const { length, size, replies } = this.#script;
    if (!this.#greeted && text.includes('HELLO')) {
      const hello = '%3\r\n+version\r\n+7.0.0\r\n+proto\r\n:3\r\n+id\r\n:1\r\n';
      setImmediate(() => this.emit('data', Buffer.from(hello)));
    } else if (!this.#greeted) {
      this.#greeted = true;
      const commands = String(text).split('*').length - 1;
      setImmediate(() => this.emit('data', Buffer.from('+OK\r\n'.repeat(commands))));
    } else {
      // Flattens the string, as writing it to a socket would.
      const commands = Buffer.from(text, 'latin1').length / length;
      setImmediate(() => this.emit('data', replies.subarray(0, commands * size)));
    }
    return true;
  }
  cork() {}
  uncork() {}
  pause() {}
  resume() {}
  setKeepAlive() {}
  ref() {}
  unref() {}
  destroy() {
    this.destroyed = true;
    setImmediate(() => this.emit('close'));
  }
}

const bulk = (text) => `$${text.length}\r\n${text}\r\n`;
const wire = (words) => `*${words.length}\r\n${words.map(bulk).join('')}`;
const nothing = () => {};
const K16 = 'abcdefghijklmnop';
const LUA = "return redis.call('GET', KEYS[1])";
const SHA = createHash('sha1').update(LUA).digest('hex');

async function poolOf(build) {
  const script = new Script();
  class MirrorConnection extends build.BaseConnection {
    async openTransport() {
      return new Mirror(script);
    }
  }
  const location = new build.TCPLocation('mirror', 1);
  const pool = new build.ConnectionPool({
    location,
    connectionClass: MirrorConnection,
    decodeResponses: true,
    // A slow machine would have it send a PING, which the mirror answers like everything else.
    deadPeerTimeout: null,
  });
  await pool.open();
  const connection = new MirrorConnection(location, { decodeResponses: true });
  await connection.run();
  return { pool, connection, script, defined: build.defineScript?.({ lua: LUA, keys: 1 }) };
}

const CALLS = {
  get: { words: ['GET', 'k16'], reply: bulk(K16), call: (pool) => pool.execute('GET', 'k16') },
  set: { words: ['SET', 'w16', K16], reply: '+OK\r\n', call: (pool) => pool.execute('SET', 'w16', K16) },
  incr: { words: ['INCR', 'n'], reply: ':12345\r\n', call: (pool) => pool.execute('INCR', 'n') },
  // A script call, and an ordinary command of the same size.
  script: {
    words: ['EVALSHA', SHA, '1', 'k16'],
    reply: bulk(K16),
    call: (pool, _connection, script) => pool.run(script, ['k16']),
  },
  sized: {
    words: ['SET', SHA, '1', 'KEEPTTL'],
    reply: bulk(K16),
    call: (pool) => pool.execute('SET', SHA, 1, 'KEEPTTL'),
  },
  request: {
    words: ['GET', 'k16'],
    reply: bulk(K16),
    call: (_pool, connection) => connection.createRequest('GET', ['k16']),
  },
  error: {
    words: ['INCR', 'k16'],
    reply: '-ERR value is not an integer or out of range\r\n',
    call: (pool) => pool.execute('INCR', 'k16').catch(nothing),
  },
  lease: {
    words: ['GET', 'k16'],
    reply: bulk(K16),
    call: async (pool) => {
      const lease = await pool.acquire();
      const request = lease.connection.createRequest('GET', ['k16']);
      lease.release();
      return request;
    },
  },
};

async function round({ pool, connection, script, defined }, { words, reply, call }, burst, bursts) {
  script.set(wire(words).length, reply, burst);
  const before = process.cpuUsage();
  for (let done = 0; done < bursts; done += 1) {
    const all = new Array(burst);
    for (let index = 0; index < burst; index += 1) all[index] = call(pool, connection, defined);
    await Promise.all(all);
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / (burst * bursts);
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const builds = [];
for (const dist of positionals) builds.push(await poolOf(await import(resolve(dist, 'index.js'))));
for (const [name, spec] of Object.entries(CALLS)) {
  if (options.only !== undefined && !options.only.split(',').includes(name)) continue;
  for (const burst of options.bursts.split(',').map(Number)) {
    if (options.operations !== undefined) {
      for (const build of builds) await round(build, spec, burst, Math.ceil(options.operations / burst));
      continue;
    }
    const bursts = Math.ceil(6000 / burst);
    const times = builds.map(() => []);
    const total = Math.ceil(Number(options.rounds) * (burst === 1 ? 0.5 : 1));
    for (let at = -20; at < total; at += 1) {
      for (let turn = 0; turn < builds.length; turn += 1) {
        const which = (turn + Math.abs(at)) % builds.length;
        const cost = await round(builds[which], spec, burst, bursts);
        if (at >= 0) times[which].push(cost);
      }
    }
    const shown = times.map((all) => {
      const gain = median(times[0].map((cost, index) => cost / all[index]));
      const low = Math.min(...all);
      return `${low.toFixed(0).padStart(6)} ${median(all).toFixed(0).padStart(6)} (${(Math.min(...times[0]) / low).toFixed(3)} ${gain.toFixed(3)})`.padEnd(
        32,
      );
    });
    console.log(`${name.padEnd(6)} ${String(burst).padStart(5)}  ${shown.join('  ')}`);
  }
}
process.exit(0);
