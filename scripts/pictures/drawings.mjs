// The pictures of the guides that need no measurement.
import { Picture } from './picture.mjs';

export function poolPicture() {
  const picture = new Picture(
    840,
    400,
    'Connections of one pool',
    'Plain calls of many callers share one connection. Each running blocking command and each lease has a connection of its own. Subscriptions have connections outside maxConnections.',
  );
  picture.rect(262, 50, 330, 246, 'outline');
  picture.text(427, 286, 'maxConnections (64)', 'mono soft middle');
  /** @type {[y: number, style: string, caller: string[], connection: string[]][]} */
  const lanes = [
    [
      62,
      'blue',
      ['1,000 callers', 'GET, SET, transaction(), …'],
      ['shared connection', 'all calls of a turn in one write'],
    ],
    [
      140,
      'green',
      ['a worker', 'BLPOP, XREAD … BLOCK'],
      ['blocking connection', 'one for each running command'],
    ],
    [
      218,
      'amber',
      ['a caller with a lease', 'use(), acquire(), watch()'],
      ['leased connection', 'checked before its next user'],
    ],
    [
      316,
      'plain',
      ['a reader', 'executePubsub(), cache'],
      ['service connection', 'subscriptions, invalidations'],
    ],
  ];
  for (const [y, style, caller, connection] of lanes) {
    const middle = y + 27;
    picture.box(20, y, 200, 54, caller, 'plain');
    picture.box(290, y, 274, 54, connection, style);
    if (style === 'blue')
      for (const shift of [-14, 0, 14])
        picture.arrow([
          [220, middle + shift],
          [288, middle + shift / 3],
        ]);
    else
      picture.arrow([
        [220, middle],
        [288, middle],
      ]);
    picture.arrow([
      [564, middle],
      [686, middle],
    ]);
  }
  picture.box(688, 62, 132, 308, ['one server', 'Redis or Valkey'], 'plain');
  picture.text(427, 388, 'outside maxConnections', 'small soft middle');
  return picture;
}

export function commandPicture() {
  const picture = new Picture(
    840,
    410,
    'The life of a command, and the limits that cover it',
    'A call waits for a connection, dials if there is none, is written, and waits for its reply. The timeout of a call covers all of it and every repetition; acquireTimeout covers the wait and the dial, connectTimeout the dial, streamTimeout the reply.',
  );
  /** @type {[x: number, width: number, lines: string[], style: string][]} */
  const steps = [
    [20, 80, ['call', 'encoded'], 'plain'],
    [124, 150, ['waits', 'for room or a connection'], 'plain'],
    [298, 150, ['dial', 'TCP, TLS, handshake'], 'plain'],
    [472, 100, ['written', 'with its turn'], 'blue'],
    [596, 120, ['server', 'runs it'], 'blue'],
    [740, 80, ['reply', 'to the caller'], 'green'],
  ];
  for (const [x, width, lines, style] of steps) picture.box(x, 56, width, 56, lines, style);
  for (const [from, to] of [
    [100, 124],
    [274, 298],
    [448, 472],
    [572, 596],
    [716, 740],
  ])
    picture.arrow([
      [from, 84],
      [to - 1, 84],
    ]);
  picture.text(373, 48, 'only when no connection is open', 'small soft middle');
  picture.span(
    20,
    820,
    136,
    'timeout: 500 (of a call)',
    'everything, every repetition included; no default',
    'green',
  );
  picture.span(124, 448, 188, 'acquireTimeout (10,000)', 'for calls without a timeout of their own', 'amber');
  picture.span(298, 448, 240, 'connectTimeout', 'one dial (10,000)', 'amber');
  picture.span(472, 820, 188, 'streamTimeout', 'each reply; no default: set it in production', 'blue');
  picture.span(
    472,
    820,
    240,
    'deadPeerTimeout (30,000)',
    'silence while a reply is due; PING after half of it',
    'blue',
  );
  picture.line(472, 300, 472, 392, 'arrow dashed');
  picture.text(462, 320, 'maybeExecuted: false', 'mono green end');
  picture.text(462, 338, 'a lost connection: the call goes to another one', 'small soft end');
  picture.text(462, 354, 'a cancelled call is never written', 'small soft end');
  picture.text(482, 320, 'maybeExecuted: true', 'mono red');
  picture.text(482, 338, 'a lost connection: the call rejects, or is repeated', 'small soft');
  picture.text(482, 354, 'if it only reads (retryReadOnly) or is idempotent', 'small soft');
  picture.text(482, 372, 'a cancelled call keeps its place; its reply is dropped', 'small soft');
  return picture;
}

export function clusterPicture() {
  const picture = new Picture(
    840,
    420,
    'How a cluster pool finds the node of a key',
    'The key gives a slot, the layout gives the node of the slot. MOVED corrects the layout and sends the command to the right node. ASK sends ASKING and the command to the other node once.',
  );
  picture.box(20, 60, 190, 56, ['GET {user:2}:name', 'hash of the part in braces'], 'plain');
  picture.box(262, 60, 130, 56, ['slot 6777', 'of 16,384'], 'plain');
  picture.box(444, 60, 150, 56, ['layout', 'slot → node'], 'blue');
  picture
    .arrow([
      [210, 88],
      [261, 88],
    ])
    .arrow([
      [392, 88],
      [443, 88],
    ]);
  /** @type {[y: number, name: string, slots: string, style: string][]} */
  const nodes = [
    [60, 'node A', 'slots 0 – 5460', 'plain'],
    [180, 'node B', 'slots 5461 – 10922', 'green'],
    [300, 'node C', 'slots 10923 – 16383', 'plain'],
  ];
  for (const [y, name, slots, style] of nodes) picture.box(660, y, 160, 56, [name, slots], style);
  picture.arrow(
    [
      [594, 100],
      [628, 100],
      [628, 200],
      [659, 200],
    ],
    { style: 'blue' },
  );
  picture.text(636, 142, 'GET', 'mono blue');

  picture.box(
    20,
    166,
    250,
    74,
    ['MOVED 6777 B', 'the slot lives on B now:', 'this slot is corrected at once'],
    'red',
  );
  picture.box(
    296,
    166,
    200,
    74,
    ['the command goes to B', 'the layout is read again', 'soon, once for all calls'],
    'plain',
  );
  picture
    .arrow([
      [270, 203],
      [295, 203],
    ])
    .arrow([
      [496, 203],
      [560, 203],
      [560, 222],
      [659, 222],
    ]);

  picture.box(
    20,
    266,
    250,
    74,
    ['ASK 6777 C', 'the slot is moving to C, and this', 'key is there already'],
    'amber',
  );
  picture.box(
    296,
    266,
    200,
    74,
    ['ASKING + the command', 'go to C, this once;', 'the layout stays'],
    'plain',
  );
  picture
    .arrow([
      [270, 303],
      [295, 303],
    ])
    .arrow([
      [496, 303],
      [560, 303],
      [560, 328],
      [659, 328],
    ]);

  picture.text(20, 374, 'TRYAGAIN, CLUSTERDOWN, LOADING, a slot without an owner:', 'bold');
  picture.text(
    20,
    394,
    'the call waits with growing pauses, within its timeout. After five redirects it rejects and names the way it took.',
    'soft',
  );
  return picture;
}

export function mapPicture() {
  const picture = new Picture(
    840,
    520,
    'The map of the code',
    'The folders of src in layers. A file imports from its own folder or from a lower layer.',
  );
  const layers = [
    [['pool', 'public pools, calls and their retry loop, leases, transactions, scans, options, URLs']],
    [['topology', 'which node, and what after a failure: one server, cluster, sentinel, replicas']],
    [['node', 'one address: its shared, leased, blocking and service connections']],
    [['connection', 'one socket, from the dial to its end; never healed in place']],
    [
      ['pubsub', 'channels, subscriptions'],
      ['cache', 'replies until their keys change'],
    ],
    [
      ['interfaces', 'classes for users to implement'],
      ['commands', 'keys, flags, effects, types'],
    ],
    [
      ['resp', 'bytes ↔ values'],
      ['transport', 'TCP, TLS, Unix'],
      ['pooling', 'a pool of anything'],
    ],
    [
      ['errors', 'classes and codes'],
      ['telemetry', 'diagnostics channels'],
    ],
    [['base', 'queues, clocks, deadlines, back-off']],
  ];
  layers.forEach((folders, index) => {
    const y = 46 + index * 50;
    const gap = 10;
    const width = (600 - gap * (folders.length - 1)) / folders.length;
    folders.forEach(([name, about], column) => {
      const x = 20 + column * (width + gap);
      picture.rect(x, y, width, 42, index === 0 ? 'blue' : 'plain');
      picture.text(x + 12, y + 18, `${name}/`, 'bold');
      picture.text(x + 12, y + 34, about, 'small soft');
    });
    picture.text(632, y + 26, String(8 - index), 'mono soft');
  });
  const entries = [
    ['index.ts', "import … from 'respool'"],
    ['ioredis/', 'respool/ioredis'],
    ['otel/', 'respool/otel'],
    ['testkit/', 'respool/testkit'],
    ['cli/', 'the command respool'],
  ];
  picture.text(672, 62, 'entries', 'soft');
  entries.forEach(([name, about], index) =>
    picture.box(672, 72 + index * 62, 148, 50, [name, about], 'green'),
  );
  picture.text(672, 398, 'use every layer;', 'small soft').text(672, 414, 'no layer uses them', 'small soft');
  picture.text(
    20,
    508,
    'A file imports from its own folder or from a lower layer; a check refuses the rest.',
    'small soft',
  );
  return picture;
}

export function maybeExecutedPicture() {
  const picture = new Picture(
    840,
    470,
    'A call failed: may it run again?',
    'If it was not written, the pool repeats it. If it was written and only reads, retryReadOnly repeats it. If the call says idempotent, it is repeated. Otherwise it rejects with maybeExecuted true, and you look before you repeat.',
  );
  /** @type {[y: number, lines: string[], answer: string, style: string, outcome: string[]][]} */
  const questions = [
    [
      60,
      ['Was it written to the socket?'],
      'no',
      'green',
      ['maybeExecuted: false', 'The pool gives it to another connection.'],
    ],
    [
      146,
      ['Did the server refuse it?', 'MOVED, ASK, LOADING, READONLY'],
      'yes',
      'green',
      ['Nothing has run.', 'The pool follows, waits, or asks again.'],
    ],
    [
      232,
      ['Does the call say', 'idempotent: true?'],
      'yes',
      'green',
      ['The pool repeats it,', 'within its timeout.'],
    ],
    [
      318,
      ['Does it only read, and does', 'the policy say retryReadOnly?'],
      'yes',
      'green',
      ['The pool repeats it,', 'within its timeout.'],
    ],
  ];
  for (const [y, lines, answer, style, outcome] of questions) {
    picture.box(20, y, 300, 56, lines, 'plain');
    picture.arrow(
      [
        [320, y + 28],
        [459, y + 28],
      ],
      { style, label: answer, labelStyle: `bold ${style} middle` },
    );
    picture.box(460, y, 360, 56, outcome, style);
  }
  /** @type {[label: string, y: number][]} */
  const next = [
    ['yes', 116],
    ['no', 202],
    ['no', 288],
    ['no', 374],
  ];
  for (const [label, y] of next) {
    picture.arrow([
      [170, y],
      [170, y + 29],
    ]);
    picture.text(180, y + 19, label, 'bold');
  }
  picture.box(
    20,
    404,
    800,
    50,
    [
      'It rejects with maybeExecuted: true',
      'Look at the data before you repeat it, or give the change an id that the server checks.',
    ],
    'red',
  );
  return picture;
}
