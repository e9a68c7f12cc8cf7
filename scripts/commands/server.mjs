// Starts a server, asks it for its commands, and stops it.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { factsOfServer } from './facts.mjs';

/** The name, version and command facts of a server. */
export async function askServer(binary) {
  const folder = mkdtempSync(join(tmpdir(), 'respool-commands-'));
  const port = await freePort();
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const server = spawn(binary, own, { stdio: 'ignore' });
  const ended = new Promise((resolve) => server.once('close', resolve));
  try {
    const [info, table, docs] = await untilUp(port);
    const valkey = /valkey_version:(\S+)/.exec(info);
    const version = valkey ?? /redis_version:(\S+)/.exec(info);
    const name = `${valkey === null ? 'Redis' : 'Valkey'} ${version?.[1]}`;
    return { name, facts: factsOfServer(name, table, docs) };
  } finally {
    server.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function untilUp(port) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask(port, ['INFO server', 'COMMAND', 'COMMAND DOCS']);
    } catch (error) {
      if (attempt === 100) throw error;
      await pause(100);
    }
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function ask(port, lines) {
  return new Promise((resolve, reject) => {
    const replies = [];
    let received = Buffer.alloc(0);
    const socket = net.connect(port, '127.0.0.1', () =>
      socket.write(lines.map((line) => `${line}\r\n`).join('')),
    );
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server ended the connection')));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let parsed = parse(received, 0); parsed; parsed = parse(received, 0)) {
        replies.push(parsed.value);
        received = received.subarray(parsed.end);
        if (replies.length === lines.length) {
          socket.destroy();
          resolve(replies);
          return;
        }
      }
    });
  });
}

/** Reads one RESP2 reply at offset `at`; null if it is incomplete. */
function parse(bytes, at) {
  const newline = bytes.indexOf('\r\n', at);
  if (newline < 0) return null;
  const line = bytes.toString('latin1', at + 1, newline);
  const end = newline + 2;
  switch (String.fromCharCode(bytes[at])) {
    case '-':
      throw new Error(line);
    case ':':
      return { value: Number(line), end };
    case '$':
      return parseString(bytes, end, Number(line));
    case '*':
      return parseList(bytes, end, Number(line));
    default:
      return { value: line, end };
  }
}

function parseString(bytes, at, length) {
  if (length < 0) return { value: null, end: at };
  if (bytes.length < at + length + 2) return null;
  return { value: bytes.toString('utf8', at, at + length), end: at + length + 2 };
}

function parseList(bytes, at, length) {
  const value = [];
  let end = at;
  for (let i = 0; i < length; i++) {
    const item = parse(bytes, end);
    if (item === null) return null;
    value.push(item.value);
    end = item.end;
  }
  return { value, end };
}
