// A second program on the same server: sends a PING every millisecond over a plain socket until its standard input
// ends. Then it prints the time and the latency of each: the delay that the server and the machine cause by themselves.
import { connect } from 'node:net';

const [host, port] = process.argv.slice(2);
const LINE_FEED = 10;
// A clock that is the same in all processes.
const now = () => Number(process.hrtime.bigint()) / 1e6;
const asked = [];
const answered = [];
const socket = connect(Number(port), host).setNoDelay(true);
socket.on('data', (chunk) => {
  for (const byte of chunk) {
    if (byte !== LINE_FEED) continue;
    const made = asked.shift();
    answered.push({ made, took: now() - made });
  }
});
const timer = setInterval(() => {
  asked.push(now());
  socket.write('PING\r\n');
}, 1);
process.stdin.resume().on('end', () => {
  clearInterval(timer);
  socket.destroy();
  process.stdout.write(JSON.stringify(answered));
});
