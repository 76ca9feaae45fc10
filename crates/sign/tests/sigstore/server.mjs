// A Sigstore on this machine: certificate authority, certificate log, transparency log (Rekor v1) and timestamp
// authority, with keys that are new at each start. Prints one line of JSON: where it listens, and its trusted root.
// It ends when its standard input does.
//
// A path that starts with /at/SECONDS is answered as if it were that much later, so that a certificate and the
// signature by it can be from different times.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import mock from '@sigstore/mock';

const keys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
// Certificates hold whole seconds, and so do the timestamps that all verifiers can read.
let offset = 0;
const now = () => new Date((Math.floor(Date.now() / 1000) + offset) * 1000);

const ctLog = await mock.initializeCTLog(keys());
const ca = await mock.initializeCA(keys(), ctLog);
const rekor = await mock.initializeTLog('https://rekor.local', keys());
const tsa = await mock.initializeTSA(keys());
ca.getCurrentTime = ctLog.getCurrentTime = tsa.getCurrentTime = now;
rekor.getCurrentTime = () => now().getTime();

// A client's nonce has 64 bits, more than the number that the mock takes it for.
const withoutNonce = tsa.tstInfo.bind(tsa);
tsa.tstInfo = (request) => Object.assign(withoutNonce({ ...request, nonce: 0 }), { nonce: request.nonce });

const issue = mock.fulcioHandler(ca).fn;
const log = mock.rekorHandler(rekor).fn;

// The mock's own handler reads sigstore-js's JSON; clients in other languages send RFC 3161's DER.
async function timestamp(body) {
  const request = pkijs.TimeStampReq.fromBER(body);
  const response = await tsa.timestamp({
    artifactHash: Buffer.from(request.messageImprint.hashedMessage.valueBlock.valueHexView),
    hashAlgorithmOID: request.messageImprint.hashAlgorithm.algorithmId,
    policyOID: '1.3.6.1.4.1.57264.2',
    nonce: request.nonce ?? new asn1js.Integer({ value: 1 }),
    certReq: request.certReq ?? false,
  });
  return { statusCode: 201, response, contentType: 'application/timestamp-reply' };
}

const sha256 = (bytes) => ({ algorithm: 'sha256', value: createHash('sha256').update(bytes).digest('hex') });

// As Go writes PEM.
const plain = (pem) => Buffer.from(Buffer.from(pem, 'base64').toString().replaceAll('\r\n', '\n')).toString('base64');

// The mock logs what is proposed; Rekor logs it in one form: PEM as it writes it, and of an envelope only the digests,
// signatures and keys.
function logged(body) {
  const entry = JSON.parse(body);
  const { signature, proposedContent } = entry.spec;
  if (signature) signature.publicKey.content = plain(signature.publicKey.content);
  if (proposedContent) {
    const envelope = JSON.parse(proposedContent.envelope);
    entry.spec = {
      envelopeHash: sha256(proposedContent.envelope),
      payloadHash: sha256(Buffer.from(envelope.payload, 'base64')),
      signatures: envelope.signatures.map(({ sig }, n) => ({ signature: sig, verifier: plain(proposedContent.verifiers[n]) })),
    };
  }
  return JSON.stringify(entry);
}

const services = {
  '/api/v2/signingCert': async (body) => ({ ...(await issue(body.toString())), statusCode: 200 }),
  '/api/v1/log/entries': (body) => log(logged(body.toString())),
  '/api/v1/timestamp': timestamp,
};

async function answer(url, body) {
  const [, at, path] = url.match(/^(?:\/at\/(-?\d+))?(\/.*)$/);
  const service = services[path];
  if (!service) return { statusCode: 404, response: `no ${path} here` };
  offset = Number(at ?? 0);
  return service(body);
}

// One at a time, since all share the clock.
let last = Promise.resolve();
const server = createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    last = last.then(async () => {
      const { statusCode, response: body, contentType } = await answer(request.url, Buffer.concat(pieces)).catch(
        (error) => ({ statusCode: 500, response: String(error.stack) }),
      );
      // Clients name an entry by its UUID, which they read from the headers.
      const uuid = /log\/entries$/.test(request.url) && statusCode === 201 ? Object.keys(JSON.parse(body))[0] : '';
      const headers = { 'Content-Type': contentType ?? 'text/plain', ...(uuid && { ETag: uuid, Location: `/api/v1/log/entries/${uuid}` }) };
      response.writeHead(statusCode, headers).end(body);
    });
  });
});

const validFor = { start: new Date(Date.now() - 86_400_000).toISOString() };
const subject = { organization: 'local', commonName: 'local' };
const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const chain = (...certificates) => ({ certificates: certificates.map((bytes) => ({ rawBytes: base64(bytes) })) });
const aLog = (baseUrl, publicKey) => ({
  baseUrl,
  hashAlgorithm: 'SHA2_256',
  publicKey: { rawBytes: base64(publicKey), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
  logId: { keyId: base64(createHash('sha256').update(Buffer.from(publicKey)).digest()) },
});
const trustedRoot = {
  mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  tlogs: [aLog('https://rekor.local', rekor.publicKey)],
  certificateAuthorities: [{ subject, uri: 'https://fulcio.local', certChain: chain(ca.rootCertificate), validFor }],
  ctlogs: [aLog('https://ctfe.local', ctLog.publicKey)],
  timestampAuthorities: [
    {
      subject,
      uri: 'https://tsa.local/api/v1/timestamp',
      certChain: chain(tsa.intCertificate, tsa.rootCertificate),
      validFor,
    },
  ],
};

server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}`, trustedRoot }));
});
process.stdin.resume().on('end', () => process.exit(0));
