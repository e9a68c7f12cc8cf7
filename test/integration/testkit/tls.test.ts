import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import {
  CertificateAuthority,
  serverBinaries,
  startServer,
  testCertificates,
} from '../../../src/testkit/index.ts';

async function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect(options);
  await once(socket, 'secureConnect');
  return socket;
}

async function ping(options: ConnectionOptions): Promise<string> {
  const socket = await handshake(options);
  socket.end('PING\r\n');
  let said = '';
  for await (const chunk of socket) said += String(chunk);
  return said;
}

test('certificates hold the right names, dates and issuers', () => {
  const { authority, otherAuthority, server, client, expired, wrongHost, otherServer } = testCertificates();
  const ca = new X509Certificate(authority.certificate.cert);
  assert.equal(ca.ca, true);
  assert.equal(ca.verify(ca.publicKey), true);
  const leaf = new X509Certificate(server.cert);
  assert.equal(leaf.ca, false);
  assert.equal(leaf.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
  assert.equal(leaf.checkIssued(ca), true);
  assert.equal(leaf.verify(ca.publicKey), true);
  assert.equal(leaf.checkHost('localhost'), 'localhost');
  assert.equal(leaf.checkIP('::1'), '::1');
  assert.equal(leaf.checkHost('elsewhere.example'), undefined);
  assert.equal(new X509Certificate(client.cert).verify(ca.publicKey), true);
  assert.equal(new X509Certificate(wrongHost.cert).checkHost('elsewhere.example'), 'elsewhere.example');
  assert.ok(Date.parse(new X509Certificate(expired.cert).validTo) < Date.now());
  const other = new X509Certificate(otherAuthority.certificate.cert);
  assert.equal(new X509Certificate(otherServer.cert).verify(ca.publicKey), false);
  assert.equal(new X509Certificate(otherServer.cert).verify(other.publicKey), true);
  assert.equal(testCertificates().server, server);
});

test('an authority issues certificates for names and addresses', () => {
  const authority = new CertificateAuthority('mine');
  const { cert } = authority.issue({
    names: ['node-1.test', '10.1.2.3', 'fe80::1:2'],
    notAfter: new Date('2051-01-02T03:04:05Z'),
  });
  const parsed = new X509Certificate(cert);
  assert.equal(parsed.checkHost('node-1.test'), 'node-1.test');
  assert.equal(parsed.checkIP('10.1.2.3'), '10.1.2.3');
  assert.equal(parsed.checkIP('fe80::1:2'), 'fe80::1:2');
  assert.equal(Date.parse(parsed.validTo), Date.parse('2051-01-02T03:04:05Z'));
  assert.equal(parsed.issuer, 'CN=mine');
});

for (const { path, kind, version } of await serverBinaries()) {
  test(`${kind} ${version}: TLS uses a certificate that verifies`, async () => {
    await using server = await startServer({ binary: path, tls: true });
    const { ca, otherCa, otherClientCert, otherClientKey } = server.tls ?? assert.fail('no TLS');
    const { host, port } = server;
    assert.match(server.url, /^rediss:\/\/127\.0\.0\.1:\d+\/0\?ssl_ca_certs=[^&]+$/);
    assert.equal(await ping({ host, port, ca }), '+PONG\r\n');
    await assert.rejects(handshake({ host, port, ca: otherCa }), {
      code: /^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/,
    });
    await assert.rejects(ping({ host, port, ca, cert: otherClientCert, key: otherClientKey }), {
      code: /ERR_SSL|ECONNRESET/,
    });
    assert.equal(await server.command('PING'), 'PONG');
  });

  test(`${kind} ${version}: mutual TLS asks for a client certificate`, async () => {
    await using server = await startServer({ binary: path, tls: { mutual: true } });
    const { ca, clientCert, clientKey } = server.tls ?? assert.fail('no TLS');
    const { host, port } = server;
    assert.match(server.url, /ssl_certfile=.*ssl_keyfile=/);
    assert.equal(await ping({ host, port, ca, cert: clientCert, key: clientKey }), '+PONG\r\n');
    await assert.rejects(ping({ host, port, ca }));
  });
}

for (const [certificate, code] of [
  ['expired', 'CERT_HAS_EXPIRED'],
  ['wrong-host', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['other-ca', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
] as const) {
  test(`a server shows a bad certificate: ${certificate}`, async () => {
    await using server = await startServer({ tls: { certificate } });
    const { ca } = server.tls ?? assert.fail('no TLS');
    await assert.rejects(handshake({ host: server.host, port: server.port, ca }), { code });
    assert.equal(await server.command('PING'), 'PONG');
  });
}

test("a certificate is made for the caller's names", async () => {
  await using server = await startServer({ tls: { names: ['node-1.test'] } });
  const { ca } = server.tls ?? assert.fail('no TLS');
  const socket = await handshake({ host: server.host, port: server.port, ca, servername: 'node-1.test' });
  assert.equal(socket.authorized, true);
  socket.destroy();
});
