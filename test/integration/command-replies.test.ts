// Every command of scripts/commands/replies.txt that a server has, called and compared with the declared type.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Reply, TCPConnection } from '../../src/index.ts';
import { startServer } from '../../src/testkit/index.ts';
import { checkFor, replyTable } from '../support/reply-types.ts';
import { allServers } from '../support/servers.ts';
import { CALLS, CLUSTER_CALLS } from './command-calls.ts';

const table = replyTable();

interface Outcome {
  readonly covered: Set<string>;
  readonly wrong: string[];
  readonly failed: string[];
}

/** A line of the calls; `\u2000` stands for a space within a word. */
function wordsOf(line: string): string[] {
  return line.split(' ').map((word) => word.replaceAll('\\u2000', ' '));
}

async function call(connection: TCPConnection, line: string, text: boolean, outcome: Outcome): Promise<void> {
  const words = wordsOf(line);
  const [command = '', ...args] = words;
  const expected = checkFor(table, words);
  let value: Reply;
  try {
    value = await connection.execute<Reply>(command, ...args);
  } catch (error) {
    outcome.failed.push(`${line}: ${(error as Error).message}`);
    return;
  }
  if (expected === null) return;
  outcome.covered.add(expected.name);
  if (!expected.check(value, text)) outcome.wrong.push(`${line}: ${JSON.stringify(value)?.slice(0, 200)}`);
}

async function callAll(binary: string, calls: string, args: string[], text: boolean): Promise<Outcome> {
  const outcome: Outcome = { covered: new Set(), wrong: [], failed: [] };
  await using server = await startServer({ binary, args });
  const connection = new TCPConnection(server.location, { decodeResponses: text });
  await connection.run();
  for (const line of calls.trim().split('\n')) await call(connection, line, text, outcome);
  await connection.close();
  return outcome;
}

it('the checks refuse values of another type', () => {
  const refuses = (line: string, value: unknown): void => {
    const check = checkFor(table, line.split(' '))?.check;
    assert.equal(check?.(value, true), false, line);
  };
  refuses('GET k', 5);
  refuses('GET k', Buffer.from('a'));
  refuses('SET k v', 'a');
  refuses('SET k v GET', 5);
  refuses('SMEMBERS k', ['a']);
  refuses('HGETALL k', ['a', 'b']);
  refuses('ZRANGE k 0 -1', [['a', 1]]);
  refuses('ZRANGE k 0 -1 WITHSCORES', ['a', 1]);
  refuses('BLPOP k 0', ['a']);
  refuses('LPOP k 2', 'a');
  refuses('XRANGE k - +', [['1-1', 'a']]);
});

for (const { path, kind, version } of await allServers()) {
  describe(`replies of ${kind} ${version}`, () => {
    for (const text of [true, false]) {
      it(`replies are of the declared types, as ${text ? 'text' : 'bytes'}`, async (context) => {
        const plain = await callAll(path, CALLS, [], text);
        const cluster = await callAll(path, CLUSTER_CALLS, ['--cluster-enabled', 'yes'], text);
        const failed = [...plain.failed, ...cluster.failed];
        const covered = plain.covered.size + cluster.covered.size;
        context.diagnostic(`${covered} commands and variants verified, ${failed.length} calls refused`);
        assert.deepEqual([...plain.wrong, ...cluster.wrong], []);
        const surprising = failed.filter((line) => !EXPECTED.test(line));
        assert.deepEqual(surprising, []);
        assert.ok(covered > 300, `only ${covered}`);
      });
    }
  });
}

/** Errors of servers that are older, lack a module, or have no second server. */
const EXPECTED =
  /unknown (sub)?command|syntax error|wrong number of arguments|ACL file|AUTH|^MIGRATE|^AUTH|^WAITAOF|not supported|NOPROTO|unknown option/i;
