import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Terminal, wrapped } from '../../../src/cli/terminal.ts';

// A dumb terminal is no terminal.
delete process.env['TERM'];

/** The output to a terminal of so many columns; null is a pipe. */
function written(columns: number | null, write: (terminal: Terminal) => void): string {
  let text = '';
  const out = {
    isTTY: columns !== null,
    columns: columns ?? undefined,
    write: (chunk: string) => (text += chunk),
  };
  write(new Terminal(out as unknown as NodeJS.WriteStream));
  return text;
}

it('a sentence is wrapped between words, and goes on below its beginning', () => {
  assert.deepEqual(wrapped('one two three', 8), ['one two', 'three']);
  assert.deepEqual(wrapped('redis://a-long-name:6379 is down', 10), ['redis://a-long-name:6379', 'is down']);
  const say = (terminal: Terminal): void => terminal.sentence('✔ TCP  ', 'the server accepts connections');
  assert.equal(written(25, say), '✔ TCP  the server accepts\n       connections\n');
  assert.equal(written(null, say), '✔ TCP  the server accepts connections\n');
});

it('a picture replaces the last one and is cut at the edge; a pipe gets a line without colours', () => {
  const draw = (terminal: Terminal): void => {
    terminal.draw([terminal.style('red', 'a row that is long'), 'short'], 'plain');
    terminal.draw(['second'], 'plain too');
  };
  const shown = written(10, draw);
  assert.match(shown, /\[2Ka row tha…\n/);
  assert.match(shown, /\n\x1b\[J\x1b\[2A\x1b\[2Ksecond\n/);
  assert.equal(written(null, draw), 'plain\nplain too\n');
  assert.equal(
    written(null, (terminal) => terminal.line(terminal.style('red', 'text'))),
    'text\n',
  );
});
