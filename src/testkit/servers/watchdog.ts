import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/*
 * this process ──pipe──> sh: "+pid", "-pid" … end of file
 *                             └─> kill -9 what is left, remove the folder
 *
 * The kernel closes the pipe however this process ends, so nothing outlives it, not even after SIGKILL.
 */
const SCRIPT = `
trap '' INT TERM HUP
pids=' '
while IFS= read -r line; do
  pid=\${line#?}
  case $line in
    +*) pids="$pids$pid " ;;
    -*) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid" 2>/dev/null; done
for attempt in 1 2 3 4 5; do rm -rf -- "$1" 2>/dev/null && break; sleep 0.1; done
`;

interface Watchdog {
  readonly folder: string;
  readonly pipe: Socket;
}

let watchdog: Watchdog | null = null;
let folders = 0;

function start(): Watchdog {
  const folder = mkdtempSync(join(tmpdir(), 'respool-testkit-'));
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'respool-testkit', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  });
  child.on('error', () => rmSync(folder, { recursive: true, force: true }));
  child.unref();
  const pipe = child.stdin as Socket;
  pipe.on('error', () => {});
  pipe.unref?.();
  return { folder, pipe };
}

function current(): Watchdog {
  return (watchdog ??= start());
}

/** The working folder of this process, removed when the process ends. */
export function workFolder(): string {
  return current().folder;
}

/** A path for a new folder. */
export function newFolderName(label: string): string {
  return join(workFolder(), `${label}-${++folders}`);
}

export function guard(pid: number): void {
  current().pipe.write(`+${pid}\n`);
}

export function unguard(pid: number): void {
  current().pipe.write(`-${pid}\n`);
}
