import { spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ConnectionPool } from '../../../src/index.ts';
import { startCluster, startServer, type TestServer } from '../../../src/testkit/index.ts';
import { readOptions } from '../../../src/cli/options.ts';
import { Terminal } from '../../../src/cli/terminal.ts';
import { runCli } from '../../support/cli.ts';

describe('the command respool', () => {
  let server: TestServer;
  let env: Record<string, string>;
  before(async () => {
    server = await startServer({ requirepass: 'canary-secret' });
    env = { REDIS_URL: `redis://127.0.0.1:${server.port}`, REDISCLI_AUTH: 'canary-secret' };
  });
  after(() => server.stop());

  it('respool ping reports times as JSON', async () => {
    const { code, stdout } = await runCli(['ping', '-n', '3', '-i', '0.01', '--json'], { env });
    const result = JSON.parse(stdout) as { sent: number; lost: number; median: number };
    assert.equal(code, 0);
    assert.deepEqual([result.sent, result.lost], [3, 0]);
    assert.ok(result.median > 0);
  });

  it('a password comes from a URL, from the environment or from a prompt, and is never shown', async () => {
    const url = `redis://:canary-secret@127.0.0.1:${server.port}`;
    const byUrl = await runCli(['exec', '--url', url, 'PING']);
    const byPrompt = await runCli(['exec', '--ask-password', 'PING'], {
      env: { REDIS_URL: env['REDIS_URL'] as string },
      input: 'canary-secret\n',
    });
    const wrong = await runCli(['doctor'], { env: { ...env, REDISCLI_AUTH: 'canary-other' } });
    for (const { code, stdout } of [byUrl, byPrompt]) assert.deepEqual([code, stdout], [0, '"PONG"\n']);
    assert.match(byUrl.stderr, /visible in the process list/);
    for (const { stdout, stderr } of [byUrl, byPrompt, wrong]) assert.doesNotMatch(stdout + stderr, /canary/);
  });

  it('respool sends one command, options of the command included', async () => {
    assert.equal((await runCli(['exec', 'RPUSH', 'list', 'a', 'b "c"'], { env })).stdout, '(integer) 2\n');
    assert.equal(
      (await runCli(['exec', 'LRANGE', 'list', '0', '-1'], { env })).stdout,
      '1) "a"\n2) "b \\"c\\""\n',
    );
    assert.equal(
      (await runCli(['exec', '--json', 'LRANGE', 'list', '0', '-1'], { env })).stdout,
      '["a","b \\"c\\""]\n',
    );
  });

  it('the exit code is 1 and the error is printed when the server refuses a command', async () => {
    const { code, stdout } = await runCli(['exec', 'LPUSH', 'only-a-key'], { env });
    assert.equal(code, 1);
    assert.match(stdout, /^\(error\) .*wrong number of arguments/);
  });

  it('control characters of a server or another client are never printed', async () => {
    const steering = '\x1b]0;title\x07\x9b31m';
    const script = `return redis.error_reply('ERR ${steering}')`;
    for (const args of [
      ['exec', 'EVAL', script, '0'],
      ['exec', 'ECHO', steering],
      ['exec', 'JSON', steering],
    ]) {
      const { stdout, stderr } = await runCli(args, { env });
      assert.match(stdout, /\\x1b|unknown command/);
      assert.doesNotMatch(stdout + stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    }
    let shown = '';
    const out = { isTTY: true, write: (text: string) => (shown += text) };
    const terminal = new Terminal(out as unknown as NodeJS.WriteStream);
    terminal.foreign(`message ${steering}`);
    assert.equal(shown, 'message \\x1b]0;title\\x07\\x9b31m\n');
    shown = '';
    new Terminal({ ...out, isTTY: false } as unknown as NodeJS.WriteStream).foreign(`message ${steering}`);
    assert.equal(shown, `message ${steering}\n`, 'a pipe gets the bytes');
  });

  it('commands are read from a pipe, quotes and blank lines included', async () => {
    const input = 'SET piped "two words"\n\nGET piped\nINCR piped\n';
    const { code, stdout } = await runCli(['exec', '-'], { env, input });
    assert.equal(code, 1);
    assert.match(stdout, /^OK\n"two words"\n\(error\) .*not an integer/);
  });

  it('reads bytes from a pipe in the form in which it prints them', async () => {
    const input = 'SET bytes "\\xff\\x00a\\n"\nGET bytes\nSTRLEN bytes\nSET text \'\\x41\'\nGET text\n';
    const { code, stdout } = await runCli(['exec', '--bytes', '-'], { env, input });
    assert.deepEqual([code, stdout], [0, '"OK"\n"\\xff\\x00a\\n"\n(integer) 4\n"OK"\n"\\\\x41"\n']);
  });

  it('refuses what the runtime could not read as text, and names the line', async () => {
    const lossy = await runCli(['exec', 'SET', 'k', '\ufffd'], { env });
    const piped = await runCli(['exec', '-'], { env, input: 'PING\nSET k \ufffd\n' });
    const open = await runCli(['exec', '-'], { env, input: 'PING\n\nSET k "open\n' });
    for (const { code } of [lossy, piped, open]) assert.equal(code, 2);
    assert.match(lossy.stderr, /an argument is not valid UTF-8: write bytes as "\\xff"/);
    assert.match(piped.stderr, /line 2 of the input is not valid UTF-8/);
    assert.match(open.stderr, /line 3 of the input: a quote is not closed/);
  });

  it('prints doubles that JSON lacks as text', async () => {
    const input = 'ZADD ends -inf low +inf high 1.5 mid\nZRANGE ends 0 -1 WITHSCORES\n';
    const { stdout } = await runCli(['exec', '--json', '-'], { env, input });
    assert.equal(stdout, '3\n[["low","-inf"],["mid",1.5],["high","inf"]]\n');
  });

  it('ignores no word: a forgotten --url does not examine another server', async () => {
    const { code, stdout, stderr } = await runCli(['doctor', 'redis://127.0.0.1:1'], { env });
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /doctor takes no address as a word: use --url/);
    for (const command of ['ping', 'monitor', 'top', 'bench', 'cluster'])
      assert.throws(() => readOptions([command, 'more']), {
        name: 'UsageError',
        message: `${command} takes no word 'more'`,
      });
    assert.throws(() => readOptions(['ping', 'host:6379']), {
      message: 'ping takes no address as a word: use --url',
    });
    assert.deepEqual(readOptions(['exec', 'GET', 'host:6379']).words, ['GET', 'host:6379']);
    assert.equal((await runCli(['exec', '-', 'PING'], { env, input: 'PING\n' })).code, 2);
  });

  it('subscribe prints messages until it is interrupted', async () => {
    await using pool = ConnectionPool.fromUrl(server.url);
    const publishing = setInterval(() => void pool.execute('PUBLISH', 'news', 'hello').catch(() => {}), 20);
    try {
      const { code, stdout } = await runCli(['subscribe', 'news', '--json'], {
        env,
        until: (text) => text.includes('\n'),
      });
      assert.equal(code, 0);
      assert.deepEqual(JSON.parse(stdout.split('\n')[0] as string), { channel: 'news', message: 'hello' });
    } finally {
      clearInterval(publishing);
    }
  });

  it('monitor prints the commands of the server until it is interrupted', async () => {
    await using pool = ConnectionPool.fromUrl(server.url);
    const calling = setInterval(() => void pool.execute('GET', 'watched').catch(() => {}), 20);
    try {
      const { code, stdout } = await runCli(['monitor'], { env, until: (text) => text.includes('watched') });
      assert.equal(code, 0);
      assert.match(stdout, /"GET" "watched"/);
    } finally {
      clearInterval(calling);
    }
  });

  it('bench loads a server in a closed and in an open loop', async () => {
    const closed = await runCli(
      ['bench', '--seconds', '0.3', '-m', 'GET:1,SET:1,INCR,LPUSH,HSET,PING', '--json'],
      { env },
    );
    const open = await runCli(['bench', '--seconds', '0.3', '--rate', '500', '--json'], { env });
    for (const { code, stdout } of [closed, open]) {
      const { operations, errors, latency } = JSON.parse(stdout) as {
        operations: number;
        errors: object;
        latency: Record<string, number>;
      };
      assert.equal(code, 0);
      assert.ok(operations > 50);
      assert.deepEqual(errors, {});
      assert.ok((latency['p50'] as number) <= (latency['max'] as number));
    }
  });

  it('figures of the server are printed as lines where the output is no terminal', async () => {
    const { code, stdout } = await runCli(['top', '--seconds', '0.5', '-i', '0.2'], { env });
    assert.equal(code, 0);
    assert.match(stdout, /ops\/s {2}p50 .* clients\n/);
  });

  it('help explains the command, and a wrong command line exits with 2', async () => {
    const help = await runCli(['--help']);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /doctor/);
    assert.match((await runCli(['bench', '--help'])).stdout, /Examples:/);
    for (const args of [
      ['nonsense'],
      ['ping', '--nonsense'],
      ['bench', '--rate', 'x'],
      ['exec'],
      ['bench', '-m', 'EVAL'],
    ]) {
      const { code, stderr } = await runCli(args, { env });
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, /^respool: .*\nTry: respool --help\n$/);
    }
  });

  it('bench loads a server at a rate, and shows percentiles as a chart', async () => {
    const { code, stdout } = await runCli(['bench', '--seconds', '0.3', '--rate', '500', '-m', 'PING'], {
      env,
    });
    assert.equal(code, 0, stdout);
    // In a pipe its progress is a line each, without colours.
    assert.match(
      stdout,
      /^[\d,]+ ops\/s · open loop at 500 a second · \d\.\d s · [\d.]+ µs of client CPU per call$/m,
    );
    const rows = stdout.match(/^ {2}(?:p[\d.]+|max) +[\d.]+ m?s +█*░*$/gm) ?? [];
    assert.deepEqual(
      rows.map((row) => row.trim().split(' ')[0]),
      ['p50', 'p75', 'p90', 'p99', 'p99.9', 'p99.99', 'max'],
    );
    assert.match(rows.at(-1) ?? '', /█{40}$/);
    assert.doesNotMatch(stdout, /\x1b/);
  });

  it('bench makes no more calls than are due in the open loop', async () => {
    const { stdout } = await runCli(['bench', '--seconds', '0.4', '--rate', '100', '--json'], { env });
    const { operations, seconds, loop } = JSON.parse(stdout) as {
      operations: number;
      seconds: number;
      loop: { rate: number };
    };
    assert.equal(loop.rate, 100);
    assert.ok(operations > 0 && operations <= seconds * 100 + 1, `${operations} in ${seconds} s`);
  });

  it('completions are written in a form that bash and zsh understand', async () => {
    const { stdout } = await runCli(['completion', 'bash']);
    const bash = (script: string): string => {
      const { status, stdout: out, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
      assert.deepEqual([status, stderr], [0, '']);
      return out.trim();
    };
    const completed = (...words: string[]): string =>
      bash(
        `${stdout}\nCOMP_WORDS=(respool ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}\n_respool; echo "\${COMPREPLY[*]}"`,
      );
    assert.equal(spawnSync('bash', ['-n'], { input: stdout }).status, 0);
    assert.equal(completed('do'), 'doctor');
    assert.equal(completed('bench', '--ra'), '--rate');
    assert.match(completed('cluster', '--'), /--watch/);
    const zsh = (await runCli(['completion', 'zsh'])).stdout;
    assert.match(zsh, /^#compdef respool\n/);
    assert.match(zsh, /compdef _respool respool/);
    // Both list the same words.
    assert.equal(/case[\s\S]*esac/.exec(zsh)?.[0], /case[\s\S]*esac/.exec(stdout)?.[0]);
    assert.equal((await runCli(['completion', 'fish'])).code, 2);
  });

  it('cluster draws the nodes and exits with 1 when slots are not served', async () => {
    await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 0 });
    const url = cluster.url;
    const whole = await runCli(['cluster', '--url', url]);
    assert.equal(whole.code, 0);
    assert.match(whole.stdout, /3 shards, 0 slots uncovered/);
    const [first] = cluster.nodes;
    assert.ok(first !== undefined);
    await using pool = ConnectionPool.fromUrl(first.url);
    await pool.execute('CLUSTER', 'DELSLOTSRANGE', 0, 5);
    const holed = await runCli(['cluster', '--url', first.url, '--json']);
    assert.equal(holed.code, 1);
    assert.ok((JSON.parse(holed.stdout) as { uncovered: number }).uncovered > 0);
  });
});
