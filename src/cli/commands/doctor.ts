import { cluster } from '../doctor/cluster.ts';
import { Fatal, type Finding, good } from '../doctor/finding.ts';
import { network, type Place } from '../doctor/network.ts';
import { sentinels } from '../doctor/sentinels.ts';
import { server } from '../doctor/server.ts';
import type { Call, Target } from '../target.ts';
import { printable, type Terminal } from '../terminal.ts';

/** Examines a set-up step by step; exit code 1 if something is wrong. */
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
  terminal.sentence(`${marks[level]} ${about.padEnd(12)} `, printable(says));
  if (advice !== undefined)
    terminal.sentence(`  ${' '.repeat(12)} ${terminal.style('dim', '→')} `, printable(advice));
}

/** The addresses in a URL; none for a Unix socket. */
function placesOf(url: string): Place[] {
  if (url.startsWith('unix:')) return [];
  const authority = (/^[\w+.-]+:\/\/([^/?#]*)/.exec(url)?.[1] ?? '').replace(/^.*@/, '');
  const sentinel = /\+sentinel:/.test(url);
  return authority.split(',').map((entry) => {
    const [, host = '127.0.0.1', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [];
    return {
      host: host.replace(/^\[|\]$/g, '') || '127.0.0.1',
      port: Number(port ?? (sentinel ? 26_379 : 6_379)),
    };
  });
}

/** Examines the layers from the host name to the commands; each one only if those below work. */
async function* examine(target: Target, signal: AbortSignal): AsyncGenerator<Finding> {
  try {
    if (target.kind === 'sentinel') return yield* sentinels(placesOf(target.url), target, signal);
    const [place] = placesOf(target.url);
    if (place === undefined) yield good('socket', `Unix socket ${target.shown}`);
    else yield* network(place, target);
    yield* server(target, signal);
    if (target.kind === 'cluster') yield* cluster(target, signal);
  } catch (error) {
    if (!(error instanceof Fatal)) throw error;
    yield error.finding;
  }
}
