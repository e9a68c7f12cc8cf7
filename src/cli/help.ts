import { COMMAND_NAMES, type CommandName, optionNames, UsageError } from './options.ts';

interface Page {
  readonly use: string;
  readonly text: string;
  readonly options?: string;
  readonly examples: readonly string[];
}

const COMMON = `Options of every command:
  -u, --url URL        where to connect (default: REDIS_URL, else redis://127.0.0.1:6379);
                       redis:// rediss:// unix:// valkey:// redis+sentinel://host:26379/service
  -c, --cluster        the URL names a node of a cluster
      --user NAME      user name; the password comes from REDISCLI_AUTH or --ask-password
      --ask-password   ask for the password
      --tls-ca FILE    certificate authorities; --tls-cert and --tls-key: the client's own
      --insecure       do not verify the server's certificate
      --timeout MS     limit of one step in milliseconds (default 5000)
      --json           machine-readable output
      --no-color       plain text
  -h, --help           this text`;

const PAGES: Record<CommandName, Page> = {
  ping: {
    use: 'ping [-n COUNT] [-i SECONDS]',
    text: 'Measures round trips.',
    options:
      '  -n, --count N        how many (default 4)\n  -i, --interval S     seconds between two (default 1)',
    examples: ['respool ping', 'respool ping -n 100 -i 0.01 --json'],
  },
  exec: {
    use: 'exec [--bytes] COMMAND [ARGUMENT …] | exec -',
    text: 'Sends one command and prints its reply. With - it reads commands from standard input, one a line, pipelined.',
    options: '      --bytes          treat strings of replies as bytes',
    examples: [
      'respool exec SET greeting "hello world"',
      'respool exec LRANGE list 0 -1',
      'respool exec - < commands.txt',
    ],
  },
  subscribe: {
    use: 'subscribe [-p | -s] CHANNEL …',
    text: 'Prints messages as they come, and says where messages may be missing.',
    options: '  -p, --pattern        the names are patterns\n  -s, --shard          shard channels (cluster)',
    examples: ['respool subscribe news', "respool subscribe -p 'user:*' --json"],
  },
  monitor: {
    use: 'monitor',
    text: 'Prints every command that the server runs. It slows the server down.',
    examples: ['respool monitor | grep -i set'],
  },
  top: {
    use: 'top [-i SECONDS]',
    text: 'Shows operations per second, latency, memory, clients and the slow log of a server, live.',
    options:
      '  -i, --interval S     seconds between two pictures (default 1)\n      --seconds S      stop after that time',
    examples: ['respool top', 'respool top -c -u redis://node-1:6379 -i 2'],
  },
  bench: {
    use: 'bench [--seconds S] [-m MIX] [-r RATE]',
    text: 'Loads a server and prints throughput and latency percentiles. Writes keys named respool:bench:*.',
    options: `      --seconds S      how long (default 5)
  -m, --mix MIX        commands and weights: GET:8,SET:2 (default); also INCR, LPUSH, HSET, PING
      --size BYTES     size of values (default 64)
      --keys N         number of keys (default 1000)
      --concurrency N  calls in flight (default 64; not with --rate)
  -r, --rate N         open loop: N calls a second, whether or not earlier ones were answered`,
    examples: [
      'respool bench',
      'respool bench -m GET:1 --concurrency 1',
      'respool bench -r 20000 --seconds 30 --json',
    ],
  },
  cluster: {
    use: 'cluster [--watch]',
    text: 'Draws slots and nodes of a cluster: uncovered slots, replicas, lag. Exit code 1 when slots are uncovered.',
    options:
      '  -w, --watch          redraw until Ctrl-C\n  -i, --interval S     seconds between two pictures (default 1)',
    examples: ['respool cluster -u redis://node-1:6379', 'respool cluster --watch'],
  },
  doctor: {
    use: 'doctor',
    text: 'Checks name resolution, TCP, TLS, HELLO, credentials, ACL, cluster and sentinel addresses. Exit code 1 when something is wrong.',
    examples: ['respool doctor -u rediss://cache.example:6380 --tls-ca ca.pem', 'respool doctor -c'],
  },
  completion: {
    use: 'completion bash|zsh',
    text: 'Prints a completion script for a shell.',
    examples: ['source <(respool completion bash)', 'respool completion zsh > ~/.zfunc/_respool'],
  },
};

/** The help page of a command; null for the page of the tool. */
export function helpOf(command: CommandName | null): string {
  if (command === null) {
    const width = Math.max(...COMMAND_NAMES.map((name) => name.length));
    const rows = COMMAND_NAMES.map((name) => `  ${name.padEnd(width)}  ${PAGES[name].text}`);
    return `Usage: respool COMMAND [options]\n\nCommands:\n${rows.join('\n')}\n\n${COMMON}\n\nMore: respool COMMAND --help`;
  }
  const { use, text, options, examples } = PAGES[command];
  const own = options === undefined ? '' : `Options:\n${options}\n\n`;
  const shown = examples.map((line) => `  ${line}`).join('\n');
  return `Usage: respool ${use}\n\n${text}\n\n${own}${COMMON}\n\nExamples:\n${shown}`;
}

/**
 * Makes a completion script.
 * @throws UsageError for a shell other than bash and zsh.
 */
export function completion(shell: string | undefined): string {
  const cases = COMMAND_NAMES.map((name) => `    ${name}) words="${optionNames(name).join(' ')}";;`);
  const choose = `  case "$1" in\n${cases.join('\n')}\n    *) words="${COMMAND_NAMES.join(' ')} --help";;\n  esac`;
  if (shell === 'bash') {
    return `_respool_words() {\n  local words\n${choose}\n  echo "$words"\n}
_respool() {
  local first=""
  [ "$COMP_CWORD" -gt 1 ] && first="\${COMP_WORDS[1]}"
  COMPREPLY=($(compgen -W "$(_respool_words "$first")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _respool respool`;
  }
  if (shell === 'zsh') {
    return `#compdef respool\n_respool_words() {\n  local words\n${choose}\n  echo "$words"\n}
_respool() {
  local first=""
  (( CURRENT > 2 )) && first="\${words[2]}"
  compadd -- \${(z)"$(_respool_words "$first")"}
}
compdef _respool respool`;
  }
  throw new UsageError('completion is for bash and zsh');
}
