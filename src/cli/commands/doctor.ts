import { examine } from '../doctor/examination.ts';
import type { Finding } from '../doctor/finding.ts';
import type { Call } from '../target.ts';
import { printable, type Terminal } from '../terminal.ts';

/** Examines a set-up step by step; exit code 1 when something is wrong. */
export async function doctor({ options, terminal, target, signal }: Call): Promise<number> {
  const findings: Finding[] = [];
  if (!options.json) terminal.line(terminal.style('bold', `Examining ${target.shown}`));
  for await (const finding of examine(target, signal)) {
    findings.push(finding);
    if (!options.json) print(terminal, finding);
  }
  const wrong = findings.filter(({ level }) => level === 'wrong').length;
  if (options.json) terminal.line(JSON.stringify({ target: target.shown, ok: wrong === 0, findings }));
  else if (wrong === 0) terminal.line(terminal.style('green', 'Nothing is wrong.'));
  return wrong === 0 ? 0 : 1;
}

function print(terminal: Terminal, { level, about, says, advice }: Finding): void {
  const marks = {
    good: terminal.style('green', '✔'),
    note: terminal.style('yellow', '!'),
    wrong: terminal.style('red', '✘'),
  };
  terminal.line(`${marks[level]} ${about.padEnd(12)} ${printable(says)}`);
  if (advice !== undefined)
    terminal.line(`  ${' '.repeat(12)} ${terminal.style('dim', '→')} ${printable(advice)}`);
}
