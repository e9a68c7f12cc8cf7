import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import type { TCPConnection } from '../../../src/connection/tcp-connection.ts';
import { RedisError, ResponseError, UnknownCommandError } from '../../../src/errors/errors.ts';
import { reply, type TestServer } from '../../../src/testkit/index.ts';
import { failure, open, pair, realServer } from './support.ts';

const text = { decodeResponses: true };
type Call = readonly [command: string, ...args: string[]];

function shown(error: unknown): string {
  assert.ok(error instanceof RedisError);
  return [error.message, error.stack, error.command, inspect(error), JSON.stringify({ ...error })].join('\n');
}

describe('arguments in error texts', () => {
  let connection: TCPConnection;
  let server: TestServer;
  before(async () => {
    server = await realServer();
    connection = await open(server, text);
  });
  const refused = ([command, ...args]: Call, type = ResponseError): Promise<ResponseError> =>
    failure(connection.createRequest(command, args), type);

  const CUT: readonly [call: Call, message: string][] = [
    [['CONFIG', 'SET', 'canary', 'x'], "ERR Unknown option or number of arguments for CONFIG SET - '…'"],
    [['CONFIG', 'SET', 'ключ-canary', 'x'], "ERR Unknown option or number of arguments for CONFIG SET - '…'"],
    [['CONFIG', 'SET', "x'canary", 'x'], "ERR Unknown option or number of arguments for CONFIG SET - '…'"],
    [
      ['CONFIG', 'SET', "a' 'canary\r\n'b", 'x'],
      "ERR Unknown option or number of arguments for CONFIG SET - '…'",
    ],
    [['CONFIG', 'SET', 'q', 'x'], "ERR Unknown option or number of arguments for CONFIG SET - '…'"],
    [['CONFIG', 'SET', 'value', 'x'], "ERR Unknown option or number of arguments for CONFIG SET - '…'"],
    [['CLIENT', 'KILL', 'TYPE', 'pässwort-canary'], "ERR Unknown client type '…'"],
    [['HELLO', '3', 'canary'], "ERR Syntax error in HELLO option '…'"],
    [['ACL', 'SETUSER', 'bob', "can'ary"], "ERR Error in ACL SETUSER modifier '…': Syntax error"],
    [
      ['ACL', 'SETUSER', 'bob', "(>pa'ss'canary"],
      "ERR Unmatched parenthesis in acl selector starting at '…'.",
    ],
    [['LATENCY', 'GRAPH', 'canary'], "ERR No samples available for event '…'"],
    [['CLIENT', 'canary'], "ERR unknown subcommand '…'. Try CLIENT HELP."],
    [['CLIENT', `canary${'x'.repeat(200)}`], "ERR unknown subcommand '…'. Try CLIENT HELP."],
    [['FUNCTION', 'LOAD', '#!lua canary=x\nfoo('], 'ERR Invalid metadata value given: …'],
    [['FUNCTION', 'LOAD', '#!canary name=x\nfoo('], "ERR Engine '…' not found"],
    [
      ['FUNCTION LOAD', '#!lua name=a\nfoo('],
      "ERR Error compiling function: user_function:2: unexpected symbol near '<eof>'",
    ],
    [['EVAL', '#!lua flags=canary\nreturn 1', '0'], 'ERR Unexpected flag in script shebang: …'],
    [['EVAL', 'return redis.error_reply(ARGV[1])', '0', "MYERR it's canary!"], 'MYERR …'],
    [
      ['XREADGROUP', 'GROUP', 'canary1', 'c', 'STREAMS', 'canary2', '>'],
      "NOGROUP No such key '…' or consumer group '…' in XREADGROUP with GROUP option",
    ],
  ];
  for (const [call, message] of CUT) {
    test(`arguments of ${inspect(call.join(' ').slice(0, 50))} are hidden`, async () => {
      const error = await refused(call);
      assert.equal(error.message, message);
      assert.ok(!shown(error).includes('canary'));
    });
  }

  test('an error of a script keeps the line, and hides the words of the script', async () => {
    for (const script of [
      "error('canary one')",
      'return canary()',
      "\nerror('canary')",
      'x = canary canary',
    ]) {
      const error = await refused(['EVAL', script, '0']);
      assert.match(error.message, /user_script:\d+: /);
      assert.ok(!shown(error).includes('canary'), error.message);
    }
    const error = await refused(['EVAL', 'return canary()', '0']);
    assert.match(
      error.message,
      /^ERR user_script:1: Script attempted to access nonexistent global variable '…' /,
    );
    assert.match(error.message, / script: (?:[0-9a-f]{40}, )?on @user_script:1\.$/);
  });

  test('arguments are hidden on a latin1 connection, and where their bytes are no text', async () => {
    const latin1 = await open(server, { ...text, encoding: 'latin1' });
    for (const arg of ['pässwort', 'ÿÄ', Buffer.from([0x70, 0xff, 0xc4]), Buffer.from('ключ')]) {
      const error = await failure(latin1.createRequest('CLIENT', ['KILL', 'TYPE', arg]), ResponseError);
      assert.equal(error.message, "ERR Unknown client type '…'");
    }
  });

  test('arguments of an earlier command are hidden', async () => {
    const own = await open(server, text);
    await own.createRequest('CLIENT', ['TRACKING', 'on', 'BCAST', 'PREFIX', 'canary']);
    const again = own.createRequest('CLIENT', ['TRACKING', 'on', 'BCAST', 'PREFIX', 'can']);
    const error = await failure(again, ResponseError);
    assert.ok(!shown(error).includes('can'), error.message);
    assert.match(error.message, /^ERR Prefix '…'\. Prefixes for a single client must not overlap\.$/);
  });

  test('arguments are hidden inside the reply of EXEC, whose errors also say where they happened', async () => {
    const batch = connection.createRequestBatch([
      { command: 'MULTI' },
      { command: 'CONFIG', args: ['SET', "canary' 40", 'x'] },
      { command: 'EVAL', args: ['return canary41()', 0] },
      { command: 'EVAL', args: ["return {1, {{err = 'MYERR canary it is'}}}", 0] },
      { command: 'SET', args: ['canary', 'v'] },
      { command: 'LPUSH', args: ['canary', 'x'] },
      { command: 'EXEC' },
    ]);
    const [config, script, [, [nested]], , wrongType] = (await batch).at(-1) as [
      ResponseError,
      ResponseError,
      [number, [ResponseError]],
      string,
      ResponseError,
    ];
    for (const error of [config, script, nested, wrongType]) {
      assert.ok(!shown(error).includes('canary'), error.message);
      assert.equal(error.command, 'EXEC');
      assert.match(error.endpoint ?? '', /\d$/);
    }
    assert.equal(config.message, "ERR Unknown option or number of arguments for CONFIG SET - '…'");
    assert.match(
      script.message,
      /^ERR user_script:1: Script attempted to access .* '…' .* on @user_script:1\.$/,
    );
    assert.equal(nested.message, 'MYERR … it is');
    assert.equal(wrongType.message, 'WRONGTYPE Operation against a key holding the wrong kind of value');
    assert.equal(wrongType.code, 'WRONGTYPE');
  });

  test('an error text that a script makes stays', async () => {
    for (const message of ['MYERR no such tenant', 'WRONGTYPE of pudding', 'LOADING the truck']) {
      const script = `return redis.error_reply('${message}')`;
      const request = connection.createRequest('EVAL', [script, 0], { raiseExceptions: false });
      const error = (await request) as ResponseError;
      assert.deepEqual([error.message, error.code], [message, message.split(' ')[0]]);
    }
  });

  test('an error inside the reply of a script hides arguments', async () => {
    const script = "return {1, {err = 'MYERR it is ' .. ARGV[1]}}";
    const value = await connection.createRequest('EVAL', [script, 0, 'canary']);
    const [, error] = value as [number, ResponseError];
    assert.deepEqual([error.message, error.code, error.command], ['MYERR it is …', 'MYERR', 'EVAL']);
    assert.ok(!shown(error).includes('canary'));
  });

  test('a subcommand is shown where it is known or written as one', async () => {
    for (const call of [['CLIENT canary'], ['client', 'MAINT_NOTIFICATIONS', 'on']] as const) {
      const error = await refused(call, UnknownCommandError);
      assert.match(
        error.message,
        /^ERR unknown subcommand '(canary|MAINT_NOTIFICATIONS)'\. Try CLIENT HELP\.$/,
      );
      assert.match(error.command ?? '', /^(canary|MAINT_NOTIFICATIONS)$/);
    }
    assert.equal((await refused(['CLIENT', 'canary'], UnknownCommandError)).command, 'CLIENT');
  });
});

describe('an ordinary message stays whole', () => {
  const WHOLE: readonly [call: Call, message: string][] = [
    [['GET'], "ERR wrong number of arguments for 'get' command"],
    [['GET', 'arguments', 'get'], "ERR wrong number of arguments for 'get' command"],
    [['CONFIG', 'GET'], "ERR wrong number of arguments for 'config|get' command"],
    [['LPUSH', 'key', 'value'], 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    [['INCRBY', 'value', 'integer'], 'ERR value is not an integer or out of range'],
    [['SET', 'k', 'err', 'EX'], 'ERR syntax error'],
    [['SET', 'error', 'syntax', 'on'], 'ERR syntax error'],
    [['ZADD', 'z', 'float', 'm'], 'ERR value is not a valid float'],
    [['EVALSHA', 'script', '0'], 'NOSCRIPT No matching script. Please use EVAL.'],
    [
      ['CLIENT', 'SETNAME', 'a names'],
      'ERR Client names cannot contain spaces, newlines or special characters.',
    ],
    [['RESTORE', 'k', '0', 'payload'], 'ERR DUMP payload version or checksum are wrong'],
    [['SCRIPT', 'FLUSH', 'option'], 'ERR SCRIPT FLUSH only support SYNC|ASYNC option'],
    [['XADD', 'k', 'stream', 'a', 'b'], 'ERR Invalid stream ID specified as stream command argument'],
    [['NOSUCH', 'NOSUCH', 'x'], "ERR unknown command 'NOSUCH'"],
    [['no-such.command', 'such'], "ERR unknown command 'no-such.command'"],
  ];
  let connection: TCPConnection;
  before(async () => {
    connection = await open(await realServer(), text);
    await connection.createRequest('SET', ['key', 'value']);
  });
  for (const [[command, ...args], message] of WHOLE) {
    test(`the refusal of ${[command, ...args].join(' ')} keeps its message`, async () => {
      const error = await failure(connection.createRequest(command, args), ResponseError);
      // Newer servers leave the advice out.
      const whole = [message, message.replace(' Please use EVAL.', '')];
      assert.ok(whole.includes(error.message), error.message);
      assert.match(error.stack ?? '', /Error: /);
      assert.doesNotMatch(error.stack ?? '', /\n\s+at /);
    });
  }

  test('an ordinary message stays whole at every depth of a reply', async () => {
    const error = reply.error("ERR no such thing as 'canary'");
    let deep: string = error;
    for (let depth = 0; depth < 20; depth++) deep = reply.array(deep);
    for (const [name, answer] of [
      ['a set', reply.set(error)],
      ['a key', reply.map([error, reply.ok])],
      ['a value', reply.map([reply.ok, reply.map([reply.ok, error])])],
      ['depths', deep],
      ['all of them', reply.array(reply.set(reply.map([reply.set(reply.array(error)), reply.ok])))],
    ] as const) {
      const { connection: one } = await pair({ EVAL: answer }, text);
      const value = await one.createRequest('EVAL', ['return 1', '0', 'canary']);
      const errors: RedisError[] = [];
      const find = (part: unknown): void => {
        if (part instanceof RedisError) errors.push(part);
        else if (part instanceof Map) for (const pair of part) find(pair);
        else if (Array.isArray(part) || part instanceof Set) for (const item of part) find(item);
      };
      find(value);
      assert.equal(errors.length, 1, name);
      assert.ok(!shown(errors[0]).includes('canary'), name);
      assert.equal(errors[0]?.command, 'EVAL', name);
      assert.match(errors[0]?.endpoint ?? '', /\d$/, name);
    }
  });

  test('the message of a redirect, or of a server in trouble, stays whole', async () => {
    for (const line of [
      'MOVED 5 127.0.0.1:7001',
      "OOM command not allowed when used memory > 'maxmemory'.",
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
      "READONLY You can't write against a read only replica.",
      'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    ]) {
      for (const [command, to] of [
        ['SET', reply.error(line)],
        ['EXEC', reply.array(reply.error(line))],
      ] as const) {
        const { connection: one } = await pair({ [command]: to }, text);
        const request = one.createRequest(command, command === 'SET' ? ['127.0.0.1:7001', 'only value'] : []);
        const error = await request.then(
          (value) => (value as unknown as [RedisError])[0],
          (reason: RedisError) => reason,
        );
        assert.equal(error.message, line);
      }
    }
  });
});
